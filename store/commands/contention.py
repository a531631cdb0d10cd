"""Contention: streams that other processes write to at this moment too, and taking turns with those at the database."""

import time
from collections.abc import Iterable

from acci.domain.events import StreamId

LASTS = 1.0  # seconds for which a stream counts as contended
MOST = 1000  # streams


class Contention:
    """Which streams others were met at lately. Safe to share between threads."""

    def __init__(self) -> None:
        self._until: dict[StreamId, float] = {}

    def met(self, streams: Iterable[StreamId]) -> None:
        """Somebody else was faster at one of these."""
        if len(self._until) > MOST:
            self._until = {}  # who is met again is noted again
        self._until |= dict.fromkeys(streams, time.monotonic() + LASTS)

    def at(self, streams: Iterable[StreamId]) -> bool:
        """Whether others may be met at one of these."""
        if not self._until:
            return False
        known, now = self._until, time.monotonic()
        return any(known.get(stream, 0.0) > now for stream in streams)
