"""A server of mail on this machine: it keeps what comes, and answers as a test wants."""

import base64
import socketserver
import ssl
import threading
import time
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

LOGIN = ("shop", "hunter2")
PLAIN = base64.b64encode("\0{}\0{}".format(*LOGIN).encode()).decode()
WELL = {"EHLO": "250", "AUTH": "235 ok", "DATA": "354 go on", ".": "250 ok", "QUIT": "221 bye", "STARTTLS": "220 go on"}


class Letter(NamedTuple):
    """A mail, from whom and to whom the envelope has it, and whether it came encrypted and with a login."""

    sender: str
    recipients: list[str]
    mail: EmailMessage
    is_encrypted: bool
    has_login: bool


class _Talk(socketserver.BaseRequestHandler):
    """With one client."""

    server: "MailServer"
    is_encrypted = has_login = False

    def handle(self) -> None:
        self.server.connections += 1
        with suppress(OSError):  # a client that went away
            if self.server.is_tls_from_the_start:
                self._encrypt()
            self._talk()
        self.request.close()

    def _talk(self) -> None:
        self._read = self.request.makefile("rb")
        self._say("HELLO", "220 localhost")
        sender, recipients = "", list[str]()
        while line := self._read.readline().decode().strip():
            verb = line.split()[0].upper()
            is_taken = self._say(line, self._extensions() if verb == "EHLO" else WELL.get(verb, "250 ok"))
            if verb == "MAIL":
                sender, recipients = _address(line), []
            elif verb == "RCPT" and is_taken:
                recipients.append(_address(line))
            elif verb == "AUTH":
                self.has_login = line.endswith(PLAIN)
            elif verb == "STARTTLS" and is_taken:
                self._encrypt()
            elif verb == "DATA" and is_taken:
                self._take(sender, recipients)

    def _take(self, sender: str, recipients: list[str]) -> None:
        lines = iter(self._read.readline, b".\r\n")
        text = b"".join(line.removeprefix(b".") for line in lines)
        mail = message_from_bytes(text, policy=policy.default)
        if self._answer(".", WELL["."])[0] == "2":  # kept before it is said
            self.server.letters.append(Letter(sender, recipients, mail, self.is_encrypted, self.has_login))
        self._say(".", WELL["."])

    def _extensions(self) -> str:
        starts = self.server.tls is not None and not self.is_encrypted
        return "250-localhost\r\n" + ("250-STARTTLS\r\n" if starts else "") + "250 AUTH PLAIN"

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self._read, self.is_encrypted = self.request.makefile("rb"), True

    def _say(self, line: str, usual: str) -> bool:
        """Whether the answer was that it goes on."""
        answer = self._answer(line, usual)
        pause = next((each for begin, each in self.server.pauses.items() if line.upper().startswith(begin)), 0.0)
        whole = f"{answer}\r\n".encode()
        for part in [whole[n : n + 1] for n in range(len(whole))] if pause else [whole]:
            time.sleep(pause)
            self.request.sendall(part)
        return answer[0] in "23"

    def _answer(self, line: str, usual: str) -> str:
        answers = self.server.answers.items()
        return next((said for begin, said in answers if line.upper().startswith(begin)), usual)


class MailServer(socketserver.ThreadingTCPServer):
    """`answers`: instead of its own, by what the line begins with. `pauses`: seconds before each byte of one of them.

    `tls` is what it encrypts with, if it does; `from_the_start`: without STARTTLS.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None, from_the_start: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.tls, self.is_tls_from_the_start = tls, from_the_start
        self.answers: dict[str, str] = {}
        self.pauses: dict[str, float] = {}
        self.letters: list[Letter] = []
        self.connections = 0
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
