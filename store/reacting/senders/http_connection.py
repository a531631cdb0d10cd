"""An HTTP connection to a checked address, all of whose steps together take no longer than a time."""

import http.client
import io
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

from acci.store.reacting.senders.addresses import resolve

READ = 65_536  # bytes of an answer at most; what is longer is not read, and the connection not used again


class Deadline:
    """When the exchange that is under way must have ended."""

    def __init__(self) -> None:
        self.at = 0.0

    def begin(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        """Raises TimeoutError when it has passed."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        return left


class _Reading(io.RawIOBase):
    """What arrives, each part within what is left of the time: a receiver that drips holds nobody up."""

    def __init__(self, of: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = of, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)


class _Socket:
    """As much of a socket as http.client uses."""

    def __init__(self, of: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = of, deadline

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._socket, self._deadline))

    def close(self) -> None:
        self._socket.close()


class CheckedConnection(http.client.HTTPConnection):
    """To `host`, with TLS if there is a `context`: its certificate must be the host's, whichever address is used."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, private: bool) -> None:
        super().__init__(host, port)
        self.default_port = 80 if context is None else 443  # one that is the scheme's own is not in the header Host
        self.deadline = Deadline()
        self._context, self._private = context, private

    def connect(self) -> None:
        """Raises OSError, and what `resolve` raises."""
        opened = self._opened()
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                opened.settimeout(self.deadline.left())
                opened = self._context.wrap_socket(opened, server_hostname=self.host)
        except BaseException:
            opened.close()
            raise
        self.sock: Any = _Socket(opened, self.deadline)

    def exchange(self, path: str, headers: dict[str, str], body: bytes, seconds: float) -> http.client.HTTPResponse:
        """Send it, and read the answer as far as its bound. Raises OSError and HTTPException."""
        self.deadline.begin(seconds)
        self.request("POST", path, body, headers)
        answer = self.getresponse()
        with suppress(OSError, http.client.HTTPException):  # the status is known
            answer.read(READ)
        return answer

    def _opened(self) -> socket.socket:
        failed: OSError | None = None
        for address in resolve(self.host, self.port, self._private):
            try:
                return socket.create_connection(address, self.deadline.left())
            except OSError as error:
                failed = error
        raise failed or OSError("it has no address")
