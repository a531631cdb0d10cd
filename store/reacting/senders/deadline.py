"""When a delivery must have ended: connecting, sending and reading together, however slow the other side is."""

import io
import socket
import time
from collections.abc import Iterable
from typing import Any

PART = 16_384  # bytes that are sent before the time is looked at again: as much as TLS takes at once


class Deadline:
    """`seconds` from now; `at` may be set again, for the next delivery by the same connection."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        """Raises TimeoutError when it has passed."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        return left

    def connect(self, addresses: Iterable[tuple[str, int]]) -> socket.socket:
        """To the first of the addresses that takes it. Raises OSError."""
        failed: OSError | None = None
        for address in addresses:
            try:
                opened = socket.create_connection(address, self.left())
            except OSError as error:
                failed = error
            else:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return opened
        raise failed or OSError("it has no address")

    def send(self, to: socket.socket, data: Any) -> None:
        """All of it. Raises OSError."""
        whole = memoryview(data)
        for start in range(0, len(whole), PART):
            to.settimeout(self.left())
            to.sendall(whole[start : start + PART])

    def reader(self, of: socket.socket) -> io.BufferedReader:
        """What arrives, each part within what is left of the time: a receiver that drips holds nobody up."""
        return io.BufferedReader(_Reading(of, self))


class _Reading(io.RawIOBase):
    def __init__(self, of: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = of, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)
