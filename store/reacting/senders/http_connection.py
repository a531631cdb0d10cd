"""An HTTP connection to a checked address, all of whose steps together take no longer than a time."""

import http.client
import io
import socket
import ssl
from contextlib import suppress
from typing import Any

from acci.store.reacting.senders.addresses import resolve
from acci.store.reacting.senders.deadline import Deadline

READ = 65_536  # bytes of an answer at most; what is longer is not read, and the connection not used again


class _Socket:
    """As much of a socket as http.client uses."""

    def __init__(self, of: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = of, deadline

    def sendall(self, data: Any) -> None:
        self._deadline.send(self._socket, data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return self._deadline.reader(self._socket)

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
        opened = self.deadline.connect(resolve(self.host, self.port, self._private))
        try:
            if self._context is not None:
                opened.settimeout(self.deadline.left())
                opened = self._context.wrap_socket(opened, server_hostname=self.host)
        except BaseException:
            opened.close()
            raise
        self.sock: Any = _Socket(opened, self.deadline)

    def exchange(self, path: str, headers: dict[str, str], body: bytes, deadline: Deadline) -> http.client.HTTPResponse:
        """Send it, and read the answer as far as its bound. Raises OSError and HTTPException."""
        self.deadline.at = deadline.at
        self.request("POST", path, body, headers)
        answer = self.getresponse()
        with suppress(OSError, http.client.HTTPException):  # the status is known
            answer.read(READ)
        return answer
