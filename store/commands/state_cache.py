"""The state cache: aggregates that this process handled last, so that the next command need not load them."""

import os
import threading
import time
import weakref
from collections import OrderedDict
from typing import NamedTuple

from acci.domain.aggregates import Aggregate
from acci.domain.events import StreamId
from acci.store.aggregates.loading import Loaded
from acci.store.encryption.payload_encryption import has_personal

HOT = 0.02  # seconds


class Cached(NamedTuple):
    """An aggregate from the cache; `hot` if it was put there within the last 20 ms: it is handled over and over."""

    loaded: Loaded[Aggregate]
    hot: bool


class StateCache:
    """At most `size` states, the newest; and which commands begin aggregates. Safe to share between threads.

    Other processes may have moved the aggregate on, or begun it: what is decided on a cached state counts only if it
    can be stored at its version. An aggregate with personal data is never cached, so nothing outlives an erasure.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._states: OrderedDict[StreamId, tuple[Loaded[Aggregate], float]] = OrderedDict()
        self._beginnings: set[str] = set()
        self.renew_lock()
        _ALL.add(self)

    def renew_lock(self) -> None:
        """In a forked process the thread that held the lock does not exist and cannot release it."""
        self._lock = threading.Lock()

    def take(self, stream: StreamId, aggregate: type[Aggregate], command: str) -> Cached | None:
        """The cached state, removed from the cache; if there is none, a new aggregate if it may be one, or None.

        It may be new if the last aggregate that such a command found had no events.
        """
        with self._lock:
            found = self._states.pop(stream, None)
            begins = command in self._beginnings
        if found is None:
            return Cached(Loaded(aggregate(), 0, 0), hot=False) if begins else None
        return Cached(found[0], time.monotonic() - found[1] < HOT)

    def learn(self, command: str, version: int) -> None:
        """Note at which version a command of this kind found its aggregate."""
        with self._lock:
            if version or not self._size:
                self._beginnings.discard(command)
            else:
                self._beginnings.add(command)

    def put(self, stream: StreamId, loaded: Loaded[Aggregate]) -> None:
        """Cache the aggregate as it is after its newest events."""
        if has_personal(type(loaded.state)):
            return
        with self._lock:
            self._states[stream] = loaded, time.monotonic()
            self._states.move_to_end(stream)
            if len(self._states) > self._size:
                self._states.popitem(last=False)


_ALL: "weakref.WeakSet[StateCache]" = weakref.WeakSet()


def _renew_locks() -> None:
    for cache in list(_ALL):
        cache.renew_lock()


os.register_at_fork(after_in_child=_renew_locks)
