"""Answering only requests for this server by its own name, so that pages of other sites cannot read the answers.

A page whose name is made to lead to this machine's address sends that name as Host. Addresses cannot be led elsewhere.
"""

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def for_own_hosts(application: WSGIApplication, names: Iterable[str]) -> WSGIApplication:
    """The application, closed to other sites' pages: requests with an Origin, or a Host that is none of `names`.

    The names of this machine are its own too.
    """
    own = {_plain(name) for name in (*names, "localhost", socket.gethostname(), socket.getfqdn())}

    def answer(asked: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        host = _plain(asked.get("HTTP_HOST", ""))
        if "HTTP_ORIGIN" in asked:
            return _refuse(start, "Pages of elsewhere are not answered.")
        if host not in own and not _is_address(host):
            return _refuse(start, f"This server is not known as {host!r}. If it should be, start it with --name.")
        return application(asked, start)

    return answer


def _plain(host: str) -> str:
    """The name or address of a Host, without the port."""
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
