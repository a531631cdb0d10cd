"""`/livez`, `/readyz` and `/metrics`, for what watches the process."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.params import Depends
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from acci.flows.cli.prometheus import at_each_scrape
from acci.flows.web import problems
from acci.store.application.asynchronous import AsyncApplication
from acci.store.postgres.migrations import require_migrated


class Well(BaseModel):
    """The process can be used."""

    status: str = "well"


def add_probes(router: APIRouter, shared: AsyncApplication, operator: Depends | None) -> None:
    """Afterwards the router has them; `/metrics` only with what says that an operator asks."""
    app = shared.application

    @problems.answered
    async def livez() -> Response:
        return _well()

    @problems.answered
    async def readyz() -> Response:
        await shared.run(ready)
        return _well()

    def ready() -> None:
        with app.database.connection() as connection:
            require_migrated(connection)

    for path, endpoint, about, may_fail in (
        ("/livez", livez, "The process answers.", ()),
        ("/readyz", readyz, "The database answers, and its schema is that of this version.", (503,)),
    ):
        for method in ("GET", "HEAD"):
            router.add_api_route(
                path,
                endpoint,
                methods=[method],
                operation_id=path[1:],
                summary=about,
                tags=["operating"],
                response_model=Well,
                responses=problems.documented(422, *may_fail),
                include_in_schema=method == "GET",
            )
    if operator is not None:
        registry = at_each_scrape(app.database.url, app.catalogue, app.replica)

        @problems.answered
        async def metrics(_: Any = operator) -> Response:
            text = await shared.run(lambda: generate_latest(registry))
            return Response(text, headers={"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE_LATEST})

        router.add_api_route(
            "/metrics",
            metrics,
            methods=["GET"],
            operation_id="metrics",
            summary="The figures of every tenant, for Prometheus.",
            tags=["operating"],
            response_class=Response,
            responses={200: {"content": {"text/plain": {}}}, **problems.documented(422)},
        )


def _well() -> Response:
    return Response(Well().model_dump_json(), headers={"Cache-Control": "no-store"}, media_type="application/json")
