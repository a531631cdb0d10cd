"""`GET /queries/{name}`: one route a query, its fields as parameters."""

from inspect import getdoc
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.params import Depends
from pydantic import Field, TypeAdapter

from acci.domain.errors import UnknownName
from acci.domain.queries import Question
from acci.flows.web import problems
from acci.flows.web.identity import required
from acci.flows.web.strict_requests import WHOLE, is_list, parameters
from acci.flows.web.unusable_request import UnusableRequest
from acci.store.application.asynchronous import AsyncApplication
from acci.store.reading.queries import question, read_by
from acci.store.values.strict_json import LARGEST

TENANT = "tenant_id"  # a field of that name is the identity's tenant, and no parameter
MIN_POSITION = "min-position"

MinPosition = Annotated[
    int,
    Field(ge=0, le=LARGEST),
    WHOLE,
    Query(
        alias=MIN_POSITION,
        description="Answer when the read model has come to this position, such as a command answered; 503 if it has "
        "not in time.",
    ),
]


def add_queries(router: APIRouter, shared: AsyncApplication, identity: Depends, longest_wait: float) -> None:
    """Afterwards the router has a route for each query."""
    for context in shared.catalogue.contexts:
        for declared in context.queries:
            shape: Any = declared.answer if declared.one else list[declared.answer]  # type: ignore[name-defined]
            for method in ("GET", "HEAD"):
                router.add_api_route(
                    f"/queries/{declared.name}",
                    problems.answered(_endpoint(shared, identity, declared, TypeAdapter(shape), longest_wait)),
                    methods=[method],
                    name=declared.name,
                    operation_id=declared.name,
                    summary=declared.name,
                    description=getdoc(declared) if declared.__doc__ else None,
                    tags=[context.name],
                    response_model=shape,
                    responses=problems.documented(400, *([404] if declared.one else []), 422),
                    openapi_extra={"parameters": _parameters(declared)},
                    include_in_schema=method == "GET",
                )
    router.add_api_route("/queries/{name:path}", problems.answered(_unknown), methods=["GET"], include_in_schema=False)


def _endpoint(
    shared: AsyncApplication,
    identity: Depends,
    declared: type[Question[Any]],
    shape: TypeAdapter[Any],
    longest_wait: float,
) -> Any:
    app = shared.application
    fields = _parameters(declared)
    names = {each["name"] for each in fields}
    lists = {each["name"] for each in fields if is_list(each["schema"])}

    def answer(asked: Any, tenant_id: str) -> bytes:
        found = app.query(asked, tenant_id=tenant_id)
        if found is None:
            raise UnusableRequest(404, "The query has no answer.")
        return shape.dump_json(found)

    async def ask(request: Request, who: Any = identity, min_position: MinPosition = 0) -> Response:
        acts = required(who)
        given: dict[str, Any] = {}
        for name, value in parameters(request):
            if name in lists:
                given.setdefault(name, []).append(value)
            elif name in names:  # the others are for the program's own dependencies; unknown ones were refused before
                given[name] = value
        if TENANT in declared.model_fields:
            given[TENANT] = acts.tenant_id
        asked: Any = question(app.catalogue, declared.name, given)
        if min_position:
            await shared.wait_for(min_position, read_by(app.catalogue, declared.name), longest_wait)
        content = await shared.run(answer, asked, acts.tenant_id)
        return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")

    return ask


async def _unknown(name: str) -> Response:
    raise UnknownName("query", name, ())


def _parameters(declared: type[Question[Any]]) -> list[dict[str, Any]]:
    """The query's fields as OpenAPI has parameters."""
    schema = declared.model_json_schema()
    shapes, needed = schema.get("$defs", {}), schema.get("required", ())
    found = []
    for name, field in schema.get("properties", {}).items():
        if name == TENANT:
            continue
        shape = _inlined(field, shapes)
        about = shape.pop("description", None)
        parameter = {"name": name, "in": "query", "required": name in needed, "schema": shape}
        found.append(parameter | ({"description": about} if about else {}))
    return found


def _inlined(schema: Any, shapes: dict[str, Any]) -> Any:
    """The schema without references, such as an enum's: parameters have no place for definitions."""
    if isinstance(schema, list):
        return [_inlined(each, shapes) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if (name := schema.get("$ref", "").rpartition("/")[2]) in shapes:
        return _inlined(shapes[name], shapes) | {key: each for key, each in schema.items() if key != "$ref"}
    return {key: _inlined(each, shapes) for key, each in schema.items()}
