"""A server's own names, so that other sites' pages cannot use it (DNS rebinding).

A page whose domain is made to resolve to this machine sends that domain as Host. IP addresses cannot be rebound.
"""

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class OwnHosts:
    """The names under which a server may be asked: those given, and this machine's own."""

    def __init__(self, names: Iterable[str]) -> None:
        own = (*names, "localhost", socket.gethostname(), socket.getfqdn())
        self._names = {name for each in own if (name := _plain(each))}

    def __contains__(self, host: str) -> bool:
        """Whether a Host header, with or without a port, is one of them or an IP address."""
        name = _plain(host)
        return name in self._names or _is_address(name)


def for_own_hosts(application: WSGIApplication, names: Iterable[str]) -> WSGIApplication:
    """The application; refuses requests of other sites' pages: those with an Origin, or a Host that is not its own."""
    own = OwnHosts(names)

    def answer(asked: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        host = asked.get("HTTP_HOST", "")
        if "HTTP_ORIGIN" in asked:
            return _refuse(start, "Requests from other sites' pages are refused.")
        if host not in own:
            return _refuse(
                start, f"This server is not known as {_plain(host)!r}. If it should be, start it with --name."
            )
        return application(asked, start)

    return answer


def _plain(host: str) -> str:
    """The host name or address in a Host header, without the port."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _refuse(start: Callable[..., Any], why: str) -> Iterable[bytes]:
    start("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{why}\n".encode()]
