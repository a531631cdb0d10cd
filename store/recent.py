"""Recent states: aggregates as this process's last commands left them, so that the next one loads nothing."""

import threading
from collections import OrderedDict

from domain.aggregates import Aggregate
from domain.events import StreamId
from store.concealing import has_personal
from store.loading import Loaded


class RecentStates:
    """At most `size` states, those left last. Safe to share between threads.

    Others may have moved the aggregate on: what is decided on a state from here counts only if it can be stored at its
    version. Of an aggregate with personal data none is left, so that nothing outlives an erasure.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._states: OrderedDict[StreamId, Loaded[Aggregate]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, stream: StreamId) -> Loaded[Aggregate] | None:
        """The state left last, which is here no more; None without one."""
        with self._lock:
            return self._states.pop(stream, None)

    def leave(self, stream: StreamId, loaded: Loaded[Aggregate]) -> None:
        """Leave the aggregate as its newest events made it."""
        if has_personal(type(loaded.state)):
            return
        with self._lock:
            self._states[stream] = loaded
            self._states.move_to_end(stream)
            if len(self._states) > self._size:
                self._states.popitem(last=False)
