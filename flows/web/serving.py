"""What `acci serve` runs: the router behind the guard, in one process, until it is asked to end."""

import signal
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from acci.domain.errors import AcciError
from acci.flows.web import problems
from acci.flows.web.guard import Asgi, guarded
from acci.flows.web.identity import Identity
from acci.flows.web.routes import router
from acci.flows.web.unusable_request import UnusableRequest
from acci.store.application.application import WAIT
from acci.store.application.asynchronous import AsyncApplication
from acci.store.extras import needs

with needs("web"):
    import uvicorn

BACKLOG = 2048  # connections that wait to be accepted
PATIENCE = 30  # seconds for requests under way, when it ends


class AddressRefused(AcciError):
    """The address cannot be had."""

    host: str
    port: int
    reason: str

    sentence = "The web API cannot be served at {host}:{port}: {reason}. Choose another --port or --host."


def web_application(
    application: AsyncApplication, token: str, names: Iterable[str] = (), longest_wait: float = WAIT
) -> Asgi:
    """The API of the application for who has the token; it says for which tenant and user it acts, in two headers."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with application:
            yield

    # The pages that show an API load scripts from elsewhere.
    app = FastAPI(title="ACCI", version=version("acci"), docs_url=None, redoc_url=None, lifespan=lifespan)
    api = router(application, Depends(_named), operator=Depends(_anybody), longest_wait=longest_wait)
    app.include_router(api, responses=problems.documented(400, 401, 403))

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        said = "There is nothing at this address." if error.status_code == 404 else f"{error.detail}."
        headers = tuple((error.headers or {}).items())
        return problems.answer(UnusableRequest(error.status_code, said, headers=headers))

    return guarded(app, token, names)


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is any free one. Raises `AddressRefused`."""
    if not host.strip():
        raise AddressRefused(host, port, "it names no host")  # it would be every address
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(BACKLOG)  # clients that come before it serves wait instead of being refused
        except BaseException:  # the caller never gets the socket to close
            made.close()
            raise
    except (OSError, UnicodeError) as error:
        raise AddressRefused(host, port, getattr(error, "strerror", None) or str(error)) from None
    return made


def run(application: Asgi, bound: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished."""
    config = uvicorn.Config(
        application,
        access_log=False,  # addresses hold ids and names
        log_config=None,
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=PATIENCE,
    )
    with _caught(signal.SIGTERM), _caught(signal.SIGINT):  # uvicorn raises them again when it is done
        uvicorn.Server(config).run(sockets=[bound])


@contextmanager
def _caught(number: signal.Signals) -> Iterator[None]:
    """Inside, the signal does nothing by itself."""
    before = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(number, before)


_bearer = HTTPBearer(auto_error=False, description="The token in the home's file web-token.")


async def _named(
    tenant: Annotated[str, Header(alias="X-Tenant-ID", pattern=r"\S", description="The tenant.", examples=["acme"])],
    user: Annotated[str, Header(alias="X-User-ID", pattern=r"\S", description="Who sends it.", examples=["ann"])],
    _: Annotated[object, Depends(_bearer)],  # for OpenAPI; the guard has looked at it
) -> Identity:
    return Identity(_text("X-Tenant-ID", tenant), _text("X-User-ID", user))


async def _anybody(_: Annotated[object, Depends(_bearer)]) -> None:
    """Who has the token is an operator."""


def _text(name: str, value: str) -> str:
    """A header's text, which HTTP has as bytes."""
    try:
        text = value.encode("latin-1").decode()
    except UnicodeError:
        raise UnusableRequest(400, f"{name} is not UTF-8.") from None
    if not text.strip():
        raise UnusableRequest(400, f"{name} is empty.")
    return text
