"""Queueing: commands to one aggregate, one after the other within this process, in the order in which they came.

A comfort: what is stored is decided by the stream's version. Without it, all that decide at once on one state but one
decide in vain, and the more there are the fewer get through.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence

from acci.domain.events import StreamId

PATIENCE = 10.0  # seconds in a queue; who has waited so long goes on without a turn


class Turn:
    """The turn at streams, for the length of a `with`; taken in one order, so that two never wait for each other."""

    __slots__ = ("_had", "_queues", "_streams")

    def __init__(self, queues: "Queues", streams: Sequence[StreamId]) -> None:
        self._queues = queues
        self._streams = streams if len(streams) < 2 else sorted(set(streams))
        self._had: list[StreamId] = []

    def __enter__(self) -> None:
        try:
            for stream in self._streams:
                if self._queues.enter(stream):
                    self._had.append(stream)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        for stream in self._had:
            self._queues.leave(stream)


class Queues:
    """A queue for each stream that has a command under way; none for the others. Safe to share between threads."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self.start_afresh()
        _ALL.add(self)

    def start_afresh(self) -> None:
        """Forget everybody: in a process that was forked off, those that waited or had a turn are not there."""
        self._guard = threading.Lock()
        self._waiting: dict[StreamId, deque[threading.Lock]] = {}

    def turn(self, streams: Sequence[StreamId]) -> Turn:
        """The turn at all of `streams`."""
        return Turn(self, streams)

    def enter(self, stream: StreamId) -> bool:
        """Wait for the turn at a stream; False if it did not come in time."""
        new: deque[threading.Lock] = deque()
        if self._waiting.setdefault(stream, new) is new:  # without the guard, since nothing comes in between
            return True
        mine = threading.Lock()
        mine.acquire()
        with self._guard:
            waiting = self._waiting.setdefault(stream, new)
            if waiting is new:
                return True
            waiting.append(mine)
        try:
            if mine.acquire(timeout=self._patience):
                return True
        except BaseException:
            if not self._gives_up(waiting, mine):
                self.leave(stream)
            raise
        return not self._gives_up(waiting, mine)

    def leave(self, stream: StreamId) -> None:
        """Give the turn to who has waited longest."""
        with self._guard:
            waiting = self._waiting.get(stream)
            if waiting:
                waiting.popleft().release()
            elif waiting is not None:
                del self._waiting[stream]

    def __len__(self) -> int:
        """How many streams have a command under way."""
        return len(self._waiting)

    def _gives_up(self, waiting: deque[threading.Lock], mine: threading.Lock) -> bool:
        """Whether who waits could leave the queue; else the turn had just been given to them."""
        with self._guard:
            if mine not in waiting:
                return False
            waiting.remove(mine)
            return True


_ALL: "weakref.WeakSet[Queues]" = weakref.WeakSet()


def _start_afresh() -> None:
    for queues in list(_ALL):
        queues.start_afresh()


os.register_at_fork(after_in_child=_start_afresh)
