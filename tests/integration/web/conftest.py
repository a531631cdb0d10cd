"""A program with the router, on a database of the test's own, asked without a socket."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import Depends, FastAPI, Header, HTTPException

from acci import Application, AsyncApplication
from acci.flows.web import Identity, router
from tests.integration.application.conftest import USERS, publish


class Client:
    """Asks an ASGI application, from any thread."""

    def __init__(self, web: Any, portal: BlockingPortal) -> None:
        transport = httpx.ASGITransport(web, raise_app_exceptions=False)
        self.web, self._portal = web, portal
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, url, **given))

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self.request("GET", url, **given)

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self.request("POST", url, **given)


def identity(x_tenant: Annotated[str, Header()] = "t1", x_user: Annotated[str | None, Header()] = "me") -> Identity:
    if x_user == "nobody":
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    return Identity(x_tenant, x_user or "")


@pytest.fixture
def app(database_url: str) -> Iterator[Application]:
    asynchronous = AsyncApplication(database_url, USERS)
    with asynchronous.application as app:
        yield app


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Gives a client of a program with the router."""
    with start_blocking_portal() as portal:

        def program(application: Application | AsyncApplication, **options: Any) -> Client:
            web = FastAPI()
            web.include_router(router(application, Depends(identity), **options))
            return Client(web, portal)

        yield program


@pytest.fixture
def web(app: Application, serve: Callable[..., Client]) -> Client:
    """The users' domain; the read model is not published."""
    return serve(app)


@pytest.fixture
def published(app: Application, web: Client) -> Client:
    """The same, and its read model is live."""
    publish(app)
    return web
