"""Queues: commands to one stream run one after the other within this process, in the order in which they came.

An optimisation: what is stored is decided by the stream's version. Without it, of all commands that decide at once on
one state only one is stored, and the more there are the fewer get through. Which streams other processes write to is
noted here too, so that those take turns at the database.
"""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from acci.domain.events import StreamId

QUEUE_TIMEOUT = 10.0  # seconds; a command that has waited this long goes on without its turn
CONTENDED_SECONDS = 1.0  # how long a stream counts as contended after a conflict
MOST_CONTENDED = 1000  # streams


class Turn(NamedTuple):
    """The streams whose turn a command has, and whether another process was met at one that it asked for."""

    streams: Sequence[StreamId]
    contended: bool


class Queues:
    """A queue for each stream that has a command under way; none for the others. Safe to share between threads."""

    def __init__(self, timeout: float = QUEUE_TIMEOUT) -> None:
        self._timeout = timeout
        self._contended_until: dict[StreamId, float] = {}
        self.reset()
        _ALL.add(self)

    def reset(self) -> None:
        """Empty every queue: the waiting and running threads do not exist in a forked process."""
        self._guard = threading.Lock()
        self._waiting: dict[StreamId, deque[threading.Lock]] = {}

    def enter(self, streams: Sequence[StreamId]) -> Turn:
        """Wait for the turn at all of `streams`; in one order, so that two commands never wait for each other.

        Give what is returned to `leave`. A stream whose turn did not come in time is not in it.
        """
        had: list[StreamId] = []
        try:
            for stream in streams if len(streams) < 2 else sorted(set(streams)):
                new: deque[threading.Lock] = deque()
                # Without the guard: nothing can run between looking and adding.
                if self._waiting.setdefault(stream, new) is new or self._wait(stream):
                    had += (stream,)
        except BaseException:
            self.leave(had)
            raise
        return Turn(had, bool(self._contended_until) and self._is_contended(streams))

    def leave(self, streams: Iterable[StreamId]) -> None:
        """Pass each stream's turn to the command that has waited longest."""
        for stream in streams:
            with self._guard:
                waiting = self._waiting.get(stream)
                if waiting:
                    waiting.popleft().release()
                elif waiting is not None:
                    del self._waiting[stream]

    def note_contention(self, streams: Iterable[StreamId]) -> None:
        """Note that another process was faster at one of these streams."""
        if len(self._contended_until) > MOST_CONTENDED:
            self._contended_until = {}  # a stream that is still contended is noted again
        self._contended_until |= dict.fromkeys(streams, time.monotonic() + CONTENDED_SECONDS)

    def __len__(self) -> int:
        """How many streams have a command under way."""
        return len(self._waiting)

    def _is_contended(self, streams: Iterable[StreamId]) -> bool:
        until, now = self._contended_until, time.monotonic()
        return any(until.get(stream, 0.0) > now for stream in streams)

    def _wait(self, stream: StreamId) -> bool:
        """Wait for the turn at a stream; False if it did not come in time."""
        new: deque[threading.Lock] = deque()
        mine = threading.Lock()
        mine.acquire()
        with self._guard:
            waiting = self._waiting.setdefault(stream, new)
            if waiting is new:
                return True
            waiting.append(mine)
        try:
            if mine.acquire(timeout=self._timeout):
                return True
        except BaseException:
            if not self._gives_up(waiting, mine):
                self.leave([stream])
            raise
        return not self._gives_up(waiting, mine)

    def _gives_up(self, waiting: deque[threading.Lock], mine: threading.Lock) -> bool:
        """Whether the command could leave the queue; else it had just been given the turn."""
        with self._guard:
            if mine not in waiting:
                return False
            waiting.remove(mine)
            return True


_ALL: "weakref.WeakSet[Queues]" = weakref.WeakSet()


def _reset_all() -> None:
    for queues in list(_ALL):
        queues.reset()


os.register_at_fork(after_in_child=_reset_all)
