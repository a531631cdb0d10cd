"""Recent states: what a command will probably meet, known to this process, so that nothing need be loaded."""

import os
import threading
import time
import weakref
from collections import OrderedDict

from acci.domain.aggregates import Aggregate
from acci.domain.events import StreamId
from acci.store.aggregates.loading import Loaded
from acci.store.encryption.payload_encryption import has_personal

HOT = 0.02  # seconds


class RecentStates:
    """At most `size` states, those left last; and which commands begin aggregates. Safe to share between threads.

    Others may have moved the aggregate on, or begun it: what is decided on a state from here counts only if it can be
    stored at its version. Of an aggregate with personal data none is left, so that nothing outlives an erasure.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._states: OrderedDict[StreamId, tuple[Loaded[Aggregate], float]] = OrderedDict()
        self._beginnings: set[str] = set()
        self.share_anew()
        _ALL.add(self)

    def share_anew(self) -> None:
        """In a process that was forked off, whoever held the lock is not there to release it."""
        self._lock = threading.Lock()

    def is_hot(self, stream: StreamId) -> bool:
        """Whether the aggregate was left only a moment ago: it is handled over and over."""
        found = self._states.get(stream)
        return found is not None and time.monotonic() - found[1] < HOT

    def take(self, stream: StreamId, aggregate: type[Aggregate], command: str) -> Loaded[Aggregate] | None:
        """The state left last, which is here no more; without one, that of a new aggregate if it may be one, or None.

        It may be new if the last aggregate that such a command met had no events.
        """
        with self._lock:
            found = self._states.pop(stream, None)
            begins = command in self._beginnings
        if found is None:
            return Loaded(aggregate(), 0, 0) if begins else None
        return found[0]

    def met(self, command: str, version: int) -> None:
        """Learn that such a command met an aggregate at this version, not guessed but seen."""
        with self._lock:
            if version or not self._size:
                self._beginnings.discard(command)
            else:
                self._beginnings.add(command)

    def leave(self, stream: StreamId, loaded: Loaded[Aggregate]) -> None:
        """Leave the aggregate as its newest events made it."""
        if has_personal(type(loaded.state)):
            return
        with self._lock:
            self._states[stream] = loaded, time.monotonic()
            self._states.move_to_end(stream)
            if len(self._states) > self._size:
                self._states.popitem(last=False)


_ALL: "weakref.WeakSet[RecentStates]" = weakref.WeakSet()


def _share_anew() -> None:
    for states in list(_ALL):
        states.share_anew()


os.register_at_fork(after_in_child=_share_anew)
