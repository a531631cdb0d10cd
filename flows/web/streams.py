"""`GET /streams/{type}/{id}`: the events of one aggregate, page by page."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.params import Depends
from pydantic import BaseModel, Field, WithJsonSchema

from acci.domain.events import StreamId
from acci.flows.web import problems
from acci.flows.web.commands import ETAG
from acci.flows.web.identity import required
from acci.flows.web.preconditions import TAGS, is_known, tag_of
from acci.flows.web.stored_events import StoredEvent
from acci.flows.web.strict_requests import WHOLE
from acci.flows.web.unusable_request import UnusableRequest
from acci.store.application.asynchronous import AsyncApplication
from acci.store.log.payloads import check_stream
from acci.store.log.reading import EventReader
from acci.store.values.storable import Unstorable

MOST, USUAL = 1000, 100  # events on a page
LAST_VERSION = 2**31 - 1

Type = Annotated[str, Path(description="The aggregate's type, such as User.")]
Id = Annotated[str, Path(description="The aggregate's id.")]
After = Annotated[int, Field(ge=0, le=LAST_VERSION), WHOLE, Query(description="Only events after this version.")]
Limit = Annotated[int, Field(ge=1, le=MOST), WHOLE, Query(description="At most so many events.")]
IfNoneMatch = Annotated[
    str | None,
    WithJsonSchema(TAGS),
    Header(description="The version that is known already: 304 if it is still that.", examples=['"3"']),
]


class Stream(BaseModel):
    """Events of an aggregate, in order."""

    aggregate_type: str
    aggregate_id: str
    version: int = Field(description="The aggregate's version, also if this page ends before it.")
    events: list[StoredEvent]
    next: int | None = Field(description="What `after` is for the next page; null on the last.")


def add_streams(router: APIRouter, shared: AsyncApplication, identity: Depends) -> None:
    """Afterwards the router has a route for streams."""
    for method in ("GET", "HEAD"):
        router.add_api_route(
            "/streams/{aggregate_type}/{aggregate_id:path}",
            problems.answered(_endpoint(shared, identity)),
            methods=[method],
            name="stream",
            operation_id="stream",
            summary="The events of an aggregate",
            description="Personal data is readable as long as the person was not erased.",
            tags=["streams"],
            response_model=Stream,
            responses={
                200: {"description": "A page of its events.", "headers": ETAG},
                304: {"description": "It is still at that version.", "headers": ETAG},
                **problems.documented(400, 404, 422),
            },
            include_in_schema=method == "GET",
        )


def _endpoint(shared: AsyncApplication, identity: Depends) -> Any:
    async def stream(
        request: Request,
        aggregate_type: Type,
        aggregate_id: Id,
        who: Any = identity,
        after: After = 0,
        limit: Limit = USUAL,
        if_none_match: IfNoneMatch = None,  # noqa: ARG001 declared for OpenAPI
    ) -> Response:
        wanted = StreamId(required(who).tenant_id, aggregate_type, aggregate_id)
        page = partial(_page, request, wanted, after, limit)
        found = await shared.read(page) or await shared.run(page, shared.events)  # a replica may not have it yet
        if found is None:
            raise UnusableRequest(404, "There is no such aggregate.")
        return found

    return stream


def _page(request: Request, stream: StreamId, after: int, limit: int, events: EventReader) -> Response | None:
    try:
        check_stream(stream)
    except Unstorable:
        version = 0
    else:
        version = events.version(stream)
    if version == 0:
        return None
    headers = {"ETag": tag_of(version), "Cache-Control": "no-store"}
    if is_known(request, version):
        return Response(status_code=304, headers=headers)
    found = list(events.read_stream(stream, after, to=version, limit=limit))
    more = bool(found) and found[-1].version < version
    page = Stream(
        aggregate_type=stream.aggregate_type,
        aggregate_id=stream.aggregate_id,
        version=version,
        events=[StoredEvent.of(event) for event in found],
        next=found[-1].version if more else None,
    )
    return Response(page.model_dump_json(), headers=headers, media_type="application/json")
