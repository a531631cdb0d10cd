"""`POST /commands/{Name}`: one route a command."""

from collections.abc import Mapping
from inspect import getdoc
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Header, Request, Response
from fastapi.params import Depends
from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from acci.domain.commands import CommandData
from acci.domain.errors import ConcurrencyError, UnknownName
from acci.domain.events import StreamId
from acci.flows.web import problems
from acci.flows.web.identity import Identity, required
from acci.flows.web.preconditions import TAGS, Expected, expected, tag_of
from acci.flows.web.stored_events import StoredEvent
from acci.flows.web.unusable_request import UnusableRequest
from acci.store.application.application import Application
from acci.store.application.asynchronous import AsyncApplication
from acci.store.application.handled import Handled
from acci.store.commands.validation import content_of
from acci.store.log.expected_version import ExpectedVersion, NoSuchStream

KEYS = UUID("b7c5a7c4-6d5c-4a44-9a31-0a5f7c7d2f3e")  # the namespace of idempotency keys
LONGEST = 200  # characters of a correlation id
ETAG = {"ETag": {"description": "The aggregate's version, in quotes, for If-Match.", "schema": {"type": "string"}}}

Key = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "minLength": 1}),
    Header(
        alias="Idempotency-Key",
        min_length=1,
        description="Any text. Sent again with the same one, the command happens once and has the same answer.",
        examples=["order-4711"],
    ),
]
IfMatch = Annotated[
    str | None,
    WithJsonSchema(TAGS),
    Header(
        description="The version that the aggregate must have, in quotes; * if it must have begun.", examples=['"3"']
    ),
]
IfNoneMatch = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "const": "*"}),
    Header(description="* if the aggregate must not have begun.", examples=["*"]),
]
Correlation = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": r"\S"}),
    Header(
        alias="X-Correlation-ID",
        pattern=r"\S",
        max_length=LONGEST,
        description="What it is part of.",
        examples=["request-7"],
    ),
]


class Done(BaseModel):
    """What a command led to. Sent again with the same key, it is the same."""

    command_id: UUID
    aggregate_type: str
    aggregate_id: str
    version: int | None = Field(description="The aggregate's after the last event; null if nothing had to change.")
    position: int | None = Field(
        description="That of the last event, for min-position; up to 2^63 - 1. Null if nothing had to change."
    )
    events: list[StoredEvent]


def add_commands(router: APIRouter, shared: AsyncApplication, identity: Depends) -> None:
    """Afterwards the router has a route for each command."""
    for context in shared.catalogue.contexts:
        for name, (_, kind) in context.commands.items():
            router.add_api_route(
                f"/commands/{name}",
                problems.answered(_endpoint(shared, identity, name, kind)),
                methods=["POST"],
                name=name,
                operation_id=name,
                summary=name,
                description=getdoc(kind) if kind.__doc__ else None,
                tags=[context.name],
                response_model=Done,
                responses={
                    200: {"description": "It was handled, now or before.", "headers": ETAG},
                    **problems.documented(400, 409, 412, 413, 415, 422),
                },
            )
    router.add_api_route(
        "/commands/{name:path}", problems.answered(_unknown), methods=["POST"], include_in_schema=False
    )


def _endpoint(shared: AsyncApplication, identity: Depends, name: str, kind: type[CommandData]) -> Any:
    aggregate, _ = shared.catalogue.command(name)
    example = _example(kind)

    async def send(
        request: Request,
        data: Any,
        who: Any = identity,
        idempotency_key: Key = None,
        if_match: IfMatch = None,  # noqa: ARG001 declared for OpenAPI
        if_none_match: IfNoneMatch = None,  # noqa: ARG001 as above
        x_correlation_id: Correlation = None,
    ) -> Response:
        acts, wanted = required(who), expected(request)
        key = _key(request, acts, idempotency_key)
        handled = await shared.run(lambda: _send(shared.application, acts, data, key, wanted, x_correlation_id))
        changed = bool(handled.events)
        done = Done(
            command_id=handled.command_id,
            aggregate_type=aggregate.aggregate_type(),
            aggregate_id=data.aggregate_id,
            version=handled.version if changed else None,
            position=handled.position,
            events=[StoredEvent.of(event) for event in handled.events],
        )
        headers = {"Cache-Control": "no-store"} | ({"ETag": tag_of(handled.version)} if changed else {})
        return Response(done.model_dump_json(), headers=headers, media_type="application/json")

    def read(given: object) -> CommandData:
        return content_of(shared.catalogue, name, given)

    body = PlainValidator(read, json_schema_input_type=kind)
    send.__annotations__["data"] = (
        Annotated[kind, body, Field(examples=[example])] if example else Annotated[kind, body]
    )
    return send


async def _unknown(name: str) -> Response:
    raise UnknownName("command", name, ())


def _send(
    app: Application,
    acts: Identity,
    data: CommandData,
    key: UUID | None,
    wanted: Expected,
    correlation: str | None,
) -> Handled:
    aggregate, _ = app.catalogue.command(type(data).__name__)
    version: int | ExpectedVersion | None
    if isinstance(wanted, tuple):
        if not wanted:
            raise UnusableRequest(412, "No version of the aggregate has such an entity tag.")
        version = wanted[0]
        if len(wanted) > 1:
            # With none of several it fails, unless it was handled before: then the answer is the one it had.
            now = app.events.version(StreamId(acts.tenant_id, aggregate.aggregate_type(), data.aggregate_id))
            version = now if now in wanted else version
    else:
        version = wanted
    try:
        return app.send(
            data,
            tenant_id=acts.tenant_id,
            user_id=acts.user_id,
            correlation_id=correlation,
            expected_version=version,
            idempotency_key=key,
        )
    except ConcurrencyError as error:
        if not isinstance(wanted, tuple):
            raise
        raise UnusableRequest(412, f"It is at version {error.actual_version}; nothing was stored.") from error
    except NoSuchStream as error:
        raise UnusableRequest(412, "It has not begun; nothing was stored.") from error


def _key(request: Request, acts: Identity, key: str | None) -> UUID | None:
    if len(request.headers.getlist("idempotency-key")) > 1:
        raise UnusableRequest(400, "Idempotency-Key is there more than once.")
    return None if key is None else uuid5(KEYS, f"{len(acts.tenant_id)}:{acts.tenant_id}{key}")


def _example(kind: type[CommandData]) -> Mapping[str, Any] | None:
    """A command made of its fields' examples; None if a field that it needs has none."""
    found = {name: field.examples[0] for name, field in kind.model_fields.items() if field.examples}
    is_whole = all(name in found for name, field in kind.model_fields.items() if field.is_required())
    return found if is_whole and found else None
