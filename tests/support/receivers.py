"""A receiver of webhooks on this machine: it keeps what comes, and answers as a test wants."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from acci.store.reacting.senders.webhook import Webhook


class Received(NamedTuple):
    """A request: its headers with small names, its body, the event in it, and when it was there."""

    headers: dict[str, str]
    body: bytes
    event: dict[str, Any]
    at: float


Answer = Callable[[Received], tuple[int, dict[str, str]]]


def well(_: Received) -> tuple[int, dict[str, str]]:
    return 204, {}


class Receiver:
    """Listens on a port of its own, or on `port`. `answer` is what it says, and may be changed.

    tls: what it encrypts with. drip: seconds before each byte of an answer. content: what follows the answer's headers.
    """

    def __init__(
        self,
        answer: Answer = well,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        drip: float = 0.0,
        content: bytes = b"",
    ) -> None:
        self.answer, self._is_tls = answer, tls is not None
        self.received: list[Received] = []
        self.connections: list[socket.socket] = []
        self._webhooks: list[Webhook] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, more = outer.take(Received(headers, body, json.loads(body), time.time()))
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                if "content-length" not in more and status != 204:
                    self.send_header("content-length", "0")
                _drip(self, drip)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def get_request(self) -> Any:
                accepted, address = super().get_request()
                if tls is not None:  # the handshake is made by the connection's own thread, as it first reads
                    accepted = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
                outer.connections.append(accepted)
                return accepted, address

            def handle_error(self, *_: Any) -> None: ...  # a client that went away

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def take(self, received: Received) -> tuple[int, dict[str, str]]:
        with self._lock:
            self.received.append(received)
        return self.answer(received)

    @property
    def url(self) -> str:
        return self._url("localhost" if self._is_tls else "127.0.0.1")

    def _url(self, host: str) -> str:
        return f"{'https' if self._is_tls else 'http'}://{host}:{self.port}/hook?a=b"

    def webhook(self, *keys: bytes, seconds: float = 5.0, host: str | None = None, **more: Any) -> Webhook:
        """A sender to here."""
        self._webhooks.append(Webhook(self._url(host) if host else self.url, keys, seconds, True, **more))
        return self._webhooks[-1]

    def positions(self, key: str | None = None) -> list[int]:
        """Of the messages that came, of all keys or of one, in order."""
        return [int(each.event["position"]) for each in self.received if key in (None, each.event["subject"])]

    def close(self) -> None:
        self._server.shutdown()
        for each in self._webhooks:
            each.close()
        for connection in self.connections:
            with suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _drip(answering: Any, pause: float) -> None:
    """The headers, a byte at a time; nothing without a pause."""
    if pause:
        said = b"".join(answering._headers_buffer)
        answering._headers_buffer = []
        for n in range(len(said)):
            time.sleep(pause)
            answering.wfile.write(said[n : n + 1])
            answering.wfile.flush()
