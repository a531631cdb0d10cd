"""A way to the database that can be cut: just before an append arrives, or after its commit and before the reply."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

MARK = b"causation_id"  # in the parameters of an append, and of nothing else

When = Literal["before", "after"]


class CuttingProxy:
    """Forwards to the server of `url`; `proxy.url` leads through it.

    After `cut(when)` the next append's connection ends there; `instead`, if given, is called in place of that, with the
    reply held back.
    """

    def __init__(self, url: str) -> None:
        known = conninfo_to_dict(url)
        self._target = (str(known["host"]), int(str(known["port"])))
        self._armed: list[tuple[When, Callable[[], None] | None]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = make_conninfo(url, host="127.0.0.1", port=port)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, when: When, instead: Callable[[], None] | None = None) -> None:
        self._armed.append((when, instead))

    def mend(self) -> None:
        """Cut nothing that was not cut yet."""
        self._armed.clear()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                _Line(client, socket.create_connection(self._target), self._armed).start()


class _Line:
    """One connection, forwarded in both directions."""

    def __init__(
        self, client: socket.socket, server: socket.socket, armed: list[tuple[When, Callable[[], None] | None]]
    ) -> None:
        self._client, self._server, self._armed = client, server, armed
        self._held: Callable[[], None] | None = None

    def start(self) -> None:
        for pump in (self._to_server, self._to_client):
            threading.Thread(target=self._pumping, args=(pump,), daemon=True).start()

    def _pumping(self, pump: Callable[[], None]) -> None:
        with suppress(OSError):  # the other direction has ended the line
            pump()
        self._end()

    def _to_server(self) -> None:
        while data := self._client.recv(1 << 16):
            if MARK in data and self._armed:
                when, instead = self._armed.pop()
                self._held = instead or self._end
                if when == "before":
                    self._held()
                    return
            self._server.sendall(data)

    def _to_client(self) -> None:
        while data := self._server.recv(1 << 16):
            if self._held is not None:  # the server answers when it has committed
                self._held()
                return
            self._client.sendall(data)

    def _end(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
