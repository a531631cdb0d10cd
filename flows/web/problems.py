"""Problem details (RFC 9457): the one table from an error to a status and a text for clients.

What only an operator can use (names, addresses, settings) goes to the log, under the problem's correlation id.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any
from uuid import uuid4

from fastapi import HTTPException, Response
from pydantic import BaseModel, Field

from acci.domain.errors import (
    AcciError,
    ConcurrencyError,
    DefinitionError,
    InvalidCommand,
    Refused,
    UnknownName,
    legible,
)
from acci.flows.web.unusable_request import UnusableRequest
from acci.store.application.pool import ApplicationClosed
from acci.store.log.expected_version import NoSuchStream
from acci.store.log.idempotency import CommandReused
from acci.store.log.payloads import PayloadTooLarge
from acci.store.postgres import errors as postgres
from acci.store.postgres.refusals import refusal_of
from acci.store.reading.queries import InvalidQuery, NotPublished
from acci.store.reading.waiting import NotThereYet
from acci.store.values.strict_json import NotJson
from acci.store.values.timestamps import WrongTimestamp

MEDIA_TYPE = "application/problem+json"
SOON, LATER = 1, 10  # seconds

log = logging.getLogger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one field or parameter."""

    field: str = Field(description="Its dotted path; empty if it concerns the whole.")
    problem: str


class Problem(BaseModel):
    """Why a request was not done."""

    type: str = Field(description="The kind of problem.")
    title: str = Field(description="The same in words.")
    status: int
    detail: str = Field(description="What happened this time.")
    correlation_id: str = Field(description="By which an operator finds it in the log.")
    errors: list[FieldProblem] = Field(default=[], description="What is wrong with single fields or parameters.")


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, name, title, text for clients, and after how many seconds to try again."""

    status: int
    name: str
    title: str
    detail: Callable[[Any], str] | str
    retry_after: int | None = None

    @property
    def type(self) -> str:
        return f"urn:acci:problem:{self.name}"

    def said(self, error: BaseException) -> str:
        """The text for clients."""
        return self.detail if isinstance(self.detail, str) else legible(self.detail(error))


_UNAVAILABLE = Kind(
    503, "unavailable", "The database cannot be used now", "Nothing is known to be stored. Send it again later.", LATER
)
_BUSY = Kind(503, "busy", "There is too much to do now", "Nothing is known to be stored. Send it again soon.", SOON)
_BEYOND = Kind(413, "beyond-limits", "It is more than the database takes", "Ask for less, or send less.")
UNEXPECTED = Kind(
    500, "unexpected", "Something went wrong here", "The correlation id finds it in the log of the server."
)
OF_REQUESTS: dict[int, tuple[str, str]] = {
    400: ("malformed-request", "The request is malformed"),
    401: ("not-authenticated", "The request has no valid token"),
    403: ("foreign-origin", "The request comes from another site"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "The method is not for this address"),
    412: ("precondition-failed", "The aggregate is at another version"),
    413: ("content-too-large", "The content is too large"),
    415: ("unsupported-media-type", "The content is not JSON"),
    422: ("invalid-request", "The request is not valid"),
}
# An error that is not here has the entry of its nearest base that is; without any it is unexpected.
TABLE: dict[type[AcciError], Kind] = {
    NotJson: Kind(400, "not-json", "The body is not a JSON object", lambda e: f"It cannot be read: {e.reason}."),
    InvalidCommand: Kind(422, "invalid-command", "The command is not valid", "Correct the fields in errors."),
    InvalidQuery: Kind(422, "invalid-query", "The query is not valid", "Correct the parameters in errors."),
    WrongTimestamp: Kind(422, "invalid-timestamp", "A timestamp is not valid", "Give it with a time zone."),
    CommandReused: Kind(
        422, "key-reused", "The idempotency key was used before", "It had another content then; nothing was done now."
    ),
    Refused: Kind(409, "refused", "The command was refused", AcciError.__str__),
    ConcurrencyError: Kind(
        409, "conflict", "Others change the same aggregate", "Nothing was stored. Look at it again, and send it again."
    ),
    NoSuchStream: Kind(412, "precondition-failed", "The aggregate is at another version", "There is none yet."),
    UnknownName: Kind(404, "unknown", "There is no such name", lambda e: f"There is no {e.kind} of that name."),
    PayloadTooLarge: Kind(
        413, "event-too-large", "It leads to an event that is too large", lambda e: f"The limit is {e.limit:,} bytes."
    ),
    NotPublished: Kind(503, "not-published", "The read model is not filled yet", "Ask again later.", LATER),
    NotThereYet: Kind(
        503,
        "not-there-yet",
        "The read model has not come to that position",
        lambda e: f"It has not within {e.timeout:g} s. Ask again.",
        SOON,
    ),
    ApplicationClosed: _BUSY,
    postgres.BeyondLimits: _BEYOND,
    postgres.Cancelled: _BUSY,
    postgres.Contended: _BUSY,
    postgres.Damaged: _UNAVAILABLE,
    postgres.DatabaseLost: _UNAVAILABLE,
    postgres.DatabaseUnreachable: _UNAVAILABLE,
    postgres.IdleTooLong: _BUSY,
    postgres.Locked: _BUSY,
    postgres.NoMemory: _BUSY,
    postgres.NoRoom: _UNAVAILABLE,
    postgres.NoSession: _UNAVAILABLE,
    postgres.NotAdmitted: _UNAVAILABLE,
    postgres.NotAllowed: _UNAVAILABLE,
    postgres.NotSecured: _UNAVAILABLE,
    postgres.PoolExhausted: _BUSY,
    postgres.ReadOnlyServer: _UNAVAILABLE,
    postgres.SchemaMissing: _UNAVAILABLE,
    postgres.SequenceBehind: _UNAVAILABLE,
    postgres.TookTooLong: _BUSY,
}


def kind_of(error: BaseException) -> Kind:
    """The kind of problem that the error is for a client."""
    if isinstance(error, UnusableRequest):
        return Kind(error.status, *OF_REQUESTS.get(error.status, OF_REQUESTS[400]), error.reason)
    return next((TABLE[each] for each in type(error).__mro__ if each in TABLE), UNEXPECTED)


def answer(error: BaseException, correlation_id: str | None = None) -> Response:
    """The problem as a response. What an operator must see is logged, without the values of what was sent."""
    found = error if isinstance(error, AcciError) else refusal_of(error) or error
    kind, correlation_id = kind_of(found), correlation_id or str(uuid4())
    if kind.status == 500:
        frames = "\n".join(f"  {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(error.__traceback__))
        what = f"{type(found).__name__}: {found}" if isinstance(found, DefinitionError) else type(found).__name__
        known = {"correlation_id": correlation_id}
        log.error("%s, correlation id %r, raised at:\n%s", what, correlation_id, frames, extra=known)
    elif kind.status == 503:
        known = {"correlation_id": correlation_id}
        log.warning("%s, correlation id %r: %s", type(found).__name__, correlation_id, found, extra=known)
    problem = Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=kind.said(found),
        correlation_id=legible(correlation_id),
        errors=[FieldProblem(field=legible(field), problem=legible(why)) for field, why in _fields(found)],
    )
    headers = {"Cache-Control": "no-store", **dict(getattr(found, "headers", ()))}
    if kind.retry_after is not None:
        headers["Retry-After"] = str(kind.retry_after)
    content = problem.model_dump_json(exclude_defaults=True)
    return Response(content, kind.status, headers, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of answers with these statuses, and of those that any request may have."""
    titles = {status: title for status, (_, title) in OF_REQUESTS.items()}
    for kind in (*TABLE.values(), UNEXPECTED):
        titles.setdefault(kind.status, kind.title)
    return {
        status: {"description": titles[status], "content": {MEDIA_TYPE: {"schema": _schema()}}}
        for status in sorted({*statuses, 500, 503})
    }


def _fields(error: BaseException) -> tuple[tuple[str, str], ...]:
    if isinstance(error, InvalidQuery):  # without a field it is what PostgreSQL said
        return tuple((field, why if field else "has a value that it does not take") for field, why in error.problems)
    found: tuple[tuple[str, str], ...] = getattr(error, "problems", ())
    return found


@cache
def _schema() -> Mapping[str, Any]:
    """The shape of a problem, in one piece."""
    schema = Problem.model_json_schema(mode="serialization")
    parts = schema.pop("$defs")
    schema["properties"]["errors"]["items"] = parts["FieldProblem"]
    schema["required"] = ["type", "title", "status", "detail", "correlation_id"]
    return schema


def answered(endpoint: Callable[..., Awaitable[Response]]) -> Callable[..., Coroutine[Any, Any, Response]]:
    """The endpoint; whatever it raises is answered as a problem."""

    @wraps(endpoint)
    async def answering(*args: Any, **kwargs: Any) -> Response:
        try:
            return await endpoint(*args, **kwargs)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 no client sees a traceback
            return answer(error)

    return answering
