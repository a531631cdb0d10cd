"""What `acci serve` asks of every request: its own Host and Origin, and the token."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from acci.domain.errors import AcciError
from acci.flows.local.allowed_hosts import OwnHosts
from acci.flows.web import problems
from acci.flows.web.unusable_request import UnusableRequest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = "/livez"  # says nothing but that the process answers


def guarded(application: Asgi, token: str, names: Iterable[str]) -> Asgi:
    """The application; answers only who has the token, and asks by one of the `names`, this machine's or an IP address.

    A page of another site cannot use it: it sends another Origin, or, where its domain was made to resolve to this
    machine (DNS rebinding), another Host. `/livez` needs no token.
    """
    own, wanted = OwnHosts(names), _digest(token.encode())

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no sockets here
        try:
            _check_origin(scope, own)
            if scope["path"] != OPEN:
                _check_token(scope, wanted)
        except AcciError as error:
            await problems.answer(error)(scope, receive, send)
            return
        await application(scope, receive, send)

    return guard


def _check_origin(scope: Scope, own: OwnHosts) -> None:
    hosts = _lines(scope, b"host")
    if len(hosts) != 1 or not hosts[0]:
        raise UnusableRequest(400, "It has to have one Host.")
    host = hosts[0].decode("latin-1")
    if host not in own:
        raise UnusableRequest(403, "This server is not known by that Host. If it should be: acci serve --allow-host.")
    for line in _lines(scope, b"origin"):
        origin = urlsplit(line.decode("latin-1"))
        if origin.scheme not in ("http", "https") or origin.netloc.lower() != host.lower():
            raise UnusableRequest(403, "It has the Origin of another site.")


def _check_token(scope: Scope, wanted: bytes) -> None:
    given = _lines(scope, b"authorization")
    scheme, _, token = given[0].strip().partition(b" ") if len(given) == 1 else (b"", b"", b"")
    if scheme.lower() != b"bearer":
        raise _not_authenticated("Send the token: Authorization: Bearer …", "Bearer")
    if not hmac.compare_digest(_digest(token.strip()), wanted):
        raise _not_authenticated("The token is not that of this server.", 'Bearer error="invalid_token"')


def _not_authenticated(reason: str, challenge: str) -> UnusableRequest:
    return UnusableRequest(401, reason, headers=(("WWW-Authenticate", challenge),))


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()  # of one length, so that comparing takes the same time for any


def _lines(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]
