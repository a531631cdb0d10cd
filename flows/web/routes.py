"""The router: everything that the application's contexts register, over HTTP."""

from fastapi import APIRouter
from fastapi.params import Depends

from acci.domain.errors import DefinitionError
from acci.flows.web.commands import add_commands
from acci.flows.web.probes import add_probes
from acci.flows.web.queries import add_queries
from acci.flows.web.streams import add_streams
from acci.flows.web.strict_requests import BODY_LIMIT, route_of
from acci.store.application.application import WAIT, Application
from acci.store.application.asynchronous import AsyncApplication


def router(
    application: Application | AsyncApplication,
    identity: Depends,
    *,
    operator: Depends | None = None,
    body_limit: int = BODY_LIMIT,
    longest_wait: float = WAIT,
) -> APIRouter:
    """A router for a FastAPI program: `POST /commands/{Name}`, `GET /queries/{name}`, `GET /streams/{type}/{id}`.

    `identity` is a `Depends(…)` of the program's that gives an `Identity`: it decides for whom a request acts, and
    raises an `HTTPException` for who may not. `/livez` and `/readyz` need none; `/metrics` is there only with
    `operator`, a `Depends(…)` that lets in who may see the figures of every tenant. A body has at most `body_limit`
    bytes; with `min-position` a query waits at most `longest_wait` seconds. What is refused is answered as a problem
    (RFC 9457), whatever the program does with other errors. Raises `DefinitionError` without an identity.
    """
    checked: tuple[tuple[str, object], ...] = (("identity", identity), ("operator", operator))
    for name, given in checked:
        if not isinstance(given, Depends) and (given is not None or name == "identity"):
            raise DefinitionError(f"{name} of the router", "it is fastapi.Depends(…) of what says who asks.")
    made = APIRouter(route_class=route_of(body_limit))
    shared = application if isinstance(application, AsyncApplication) else AsyncApplication.around(application)
    add_commands(made, shared, identity)
    add_queries(made, shared, identity, longest_wait)
    add_streams(made, shared, identity)
    add_probes(made, shared, operator)
    return made
