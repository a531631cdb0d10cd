"""An SMTP connection all of whose steps together end by a deadline."""

import smtplib
import socket
import ssl
from typing import Any

from acci.store.reacting.senders.deadline import Deadline


class TimedSmtp(smtplib.SMTP):
    """To `host`, with TLS from the start if there is a `context`. What takes too long ends with an OSError."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, deadline: Deadline) -> None:
        self.deadline, self._from_the_start = deadline, context
        super().__init__(host, port)

    def connect(self, host: str = "localhost", port: int = 0, _source: Any = None) -> tuple[int, bytes]:
        """The server's greeting. Raises OSError."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        opened = self.deadline.connect((str(each[4][0]), port) for each in found)
        try:
            if self._from_the_start is not None:
                opened.settimeout(self.deadline.left())
                opened = self._from_the_start.wrap_socket(opened, server_hostname=host)
        except BaseException:
            opened.close()
            raise
        self.sock = opened
        return self.getreply()

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Afterwards it is encrypted. Raises OSError, SMTPException."""
        if self.sock is not None:
            self.sock.settimeout(self.deadline.left())  # which the handshake may take
        self.starttls(context=context)

    def send(self, s: Any) -> None:
        """All of it. Raises OSError, SMTPServerDisconnected."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        self.deadline.send(self.sock, s.encode(self.command_encoding) if isinstance(s, str) else s)

    def getreply(self) -> tuple[int, bytes]:
        """The next answer. Raises SMTPServerDisconnected, also if it takes too long."""
        if self.file is None and self.sock is not None:
            self.file = self.deadline.reader(self.sock)
        return super().getreply()
