"""A way to the database that can be cut or held at a certain statement: before it arrives, or before its reply does."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

MARK = b"causation_id"  # in the parameters of an append, and of nothing else

When = Literal["before", "after"]


@dataclass
class _Trap:
    """Springs when each of `marks` has been seen in turn; the line then ends, or `goes_on` after `action`."""

    marks: list[bytes]
    when: When
    action: Callable[[], None] | None
    goes_on: bool

    def is_sprung(self, data: bytes) -> bool:
        """Whether this was the last of its marks."""
        if self.marks and self.marks[0] in data:
            self.marks.pop(0)
            return not self.marks
        return False


class CuttingProxy:
    """Forwards to the server of `url`; `proxy.url` leads through it."""

    def __init__(self, url: str) -> None:
        known = conninfo_to_dict(url)
        self._target = (str(known["host"]), int(str(known["port"])))
        self._armed: list[_Trap] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = make_conninfo(url, host="127.0.0.1", port=port)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, when: When, instead: Callable[[], None] | None = None, marks: tuple[bytes, ...] = (MARK,)) -> None:
        """End the connection of the next append, or of the statement by which all `marks` were seen in this order.

        `instead`, if given, is called before, with the reply held back. A statement is seen when it is prepared.
        """
        self._armed.append(_Trap(list(marks), when, instead, goes_on=False))

    def hold(self, when: When, marks: tuple[bytes, ...], meanwhile: Callable[[], None]) -> None:
        """Hold that statement, or its reply, until `meanwhile` returns."""
        self._armed.append(_Trap(list(marks), when, meanwhile, goes_on=True))

    @property
    def is_armed(self) -> bool:
        """Whether something is to be cut or held yet."""
        return bool(self._armed)

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

    def __init__(self, client: socket.socket, server: socket.socket, armed: list[_Trap]) -> None:
        self._client, self._server, self._armed = client, server, armed
        self._held: list[_Trap] = []

    def start(self) -> None:
        for pump in (self._to_server, self._to_client):
            threading.Thread(target=self._pumping, args=(pump,), daemon=True).start()

    def _pumping(self, pump: Callable[[], None]) -> None:
        with suppress(OSError):  # the other direction has ended the line
            pump()
        self._end()

    def _to_server(self) -> None:
        while data := self._client.recv(1 << 16):
            sprung = [trap for trap in self._armed if trap.is_sprung(data)]
            for trap in sprung:
                self._armed.remove(trap)
            self._held = [trap for trap in sprung if trap.when == "after"]
            if not self._spring([trap for trap in sprung if trap.when == "before"]):
                return
            self._server.sendall(data)

    def _to_client(self) -> None:
        while data := self._server.recv(1 << 16):
            held, self._held = self._held, []
            if not self._spring(held):  # the server answers when it has committed
                return
            self._client.sendall(data)

    def _spring(self, traps: list[_Trap]) -> bool:
        """Whether the line goes on."""
        for trap in traps:
            (trap.action or self._end)()
            if not trap.goes_on:
                return False
        return True

    def _end(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
