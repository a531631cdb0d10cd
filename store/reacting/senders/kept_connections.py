"""Connections that are kept for the next message: each is used by one thread at a time."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

C = TypeVar("C")
IDLE = 15.0  # seconds: most servers keep one longer


class KeptConnections(Generic[C]):
    """The idle connections to one receiver. `close` ends one; those that were idle too long are not used again."""

    def __init__(self, close: Callable[[C], object], size: int = 32) -> None:
        self._close, self._size = close, size
        self._idle: list[tuple[float, C]] = []
        self._lock = threading.Lock()

    def take(self) -> C | None:
        """The one that was used last; None if there is none."""
        with self._lock:
            old = [each for since, each in self._idle if since + IDLE < time.monotonic()]
            self._idle = self._idle[len(old) :]
            taken = self._idle.pop()[1] if self._idle else None
        for each in old:
            self._close(each)
        return taken

    def keep(self, connection: C) -> None:
        """For the next one."""
        with self._lock:
            if fits := len(self._idle) < self._size:
                self._idle.append((time.monotonic(), connection))
        if not fits:
            self._close(connection)

    def close(self) -> None:
        """End those that are idle; it can be used again afterwards."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, each in idle:
            self._close(each)
