"""Events as PostgreSQL holds them: typed payloads to JSON without loss, or refused up front."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from acci.domain.errors import AcciError
from acci.domain.events import Event, EventData, EventMetadata, StreamId, Unreadable
from acci.domain.personal import personal_fields
from acci.store.encryption.payload_encryption import MARK, encrypt, is_reserved
from acci.store.postgres.keys import Keys
from acci.store.values.pydantic_errors import problems_of
from acci.store.values.storable import Unstorable, check_text, unstorable

PAYLOAD_LIMIT = 1_000_000  # bytes of JSON; larger content belongs in an object store, with its address in the event
NAME_LIMIT = 500  # bytes; all three parts of a stream's name must fit into one index row


class PayloadTooLarge(AcciError):
    """An event's payload is longer than the store takes; `size` and `limit` are bytes of JSON."""

    event_type: str
    aggregate_id: str
    size: int
    limit: int

    sentence = (
        "The payload of {event_type} for {aggregate_id!r} is {size:,} bytes, more than the limit "
        "of {limit:,}. Keep large content elsewhere and put its address into the event."
    )


@lru_cache(10_000)  # streams
def check_stream(stream: StreamId) -> None:
    """Raises `Unstorable` for a stream name that PostgreSQL or its index cannot hold."""
    for field, value in zip(StreamId._fields, stream, strict=True):
        if not value:
            raise Unstorable("The stream", field, "is empty.")
        if problem := check_text(value):
            raise Unstorable("The stream", field, f"{problem}.")
        size = len(value.encode())
        if size > NAME_LIMIT:
            raise Unstorable("The stream", field, f"is {size:,} bytes long; the limit is {NAME_LIMIT}.")


def check_names(stream: StreamId) -> None:
    """Raises `TypeError` for what is no stream named by texts, `Unstorable` for a text that PostgreSQL cannot hold."""
    if not isinstance(stream, StreamId):
        raise TypeError(f"{stream!r:.100} is no StreamId.")
    for field, value in zip(StreamId._fields, stream, strict=True):
        if not isinstance(value, str):
            raise TypeError(f"{field} is {value!r:.100}, which is no text.")
        if problem := check_text(value):
            raise Unstorable("The stream", field, f"{problem}.")


def problem_of_timestamp(timestamp: object) -> str | None:
    """What is wrong with the timestamp, if PostgreSQL could not hold it or Python not read it from there."""
    if not isinstance(timestamp, datetime):
        return "is no datetime"
    if timestamp.tzinfo is None:
        return "has no time zone"
    try:
        timestamp.astimezone(UTC)
    except OverflowError:
        return "is not within the years 1 to 9999 in UTC"
    return None


def encode(event: Event[EventData], limit: int, keys: Keys | None) -> dict[str, Any]:
    """The event's own columns. Raises `PayloadTooLarge` or `Unstorable`."""
    return {
        "timestamp": event.timestamp.isoformat(),
        "id": event.id,
        "schema_version": event.schema_version,
        "event_type": event.event_type,
        "data": encode_data(event, limit, keys),
        "metadata": encode_metadata(event.metadata),
    }


def encode_data(event: Event[EventData], limit: int, keys: Keys | None = None) -> str:
    """The payload as JSON. Raises `PayloadTooLarge`, `Unstorable`, `NoKeyStore`."""
    data = event.data
    if isinstance(data, Unreadable):
        raise Unstorable(_what(event), "data", f"is a stand-in for what could not be read ({data.reason})")
    try:
        text = data.__pydantic_serializer__.to_json(data).decode()
    except (PydanticSerializationError, UnicodeError) as error:
        raise Unstorable(_what(event), "data", f"has no JSON form: {error}.") from error
    _check_size(event, text, limit)
    if lost := what_is_lost(data, text):
        raise Unstorable(_what(event), ".".join(("data", *lost.field)), f"{lost.problem}.")
    if "\\u0000" in text:  # or an escaped backslash that looks like one
        _refuse_unstorable(_what(event), json.loads(text), "data")
    if MARK in text and is_reserved(text):
        raise Unstorable(_what(event), "data", "has a field acci.personal, a name that is ACCI's own.")
    if personal_fields(type(data)):
        text = encrypt(type(data), text, event.tenant_id, event.aggregate_id, str(event.id), keys)
        _check_size(event, text, limit)
    return text


def _check_size(event: Event[EventData], text: str, limit: int) -> None:
    # A character is at most four bytes: most payloads need not be counted.
    if len(text) * 4 > limit and (size := len(text.encode(errors="replace"))) > limit:
        raise PayloadTooLarge(event.event_type, event.aggregate_id, size, limit)


def encode_metadata(metadata: EventMetadata) -> str:
    """The metadata as JSON, what is not known left out. Raises `Unstorable`."""
    known = {"tenant_id": metadata.tenant_id, "correlation_id": metadata.correlation_id}
    if metadata.causation_id is not None:
        known["causation_id"] = metadata.causation_id
    if metadata.user_id is not None:
        known["user_id"] = metadata.user_id
    try:
        text = to_json(known)
    except (PydanticSerializationError, UnicodeError):
        _refuse_unstorable("The event", known, "metadata")
        raise
    if b"\\u0000" in text:
        _refuse_unstorable("The event", known, "metadata")
    return text.decode()


def _what(event: Event[EventData]) -> str:
    return f"{event.event_type} for {event.aggregate_id!r}"


def _refuse_unstorable(what: str, value: object, where: str) -> None:
    for path, problem in unstorable(value, where):
        raise Unstorable(what, path, f"{problem}.")


class Lost(NamedTuple):
    """What would not come back: the path to it, and what is wrong with it."""

    field: tuple[str, ...]
    problem: str


def what_is_lost(data: BaseModel, text: str) -> Lost | None:
    """What would not come back equal when `text`, the JSON of `data`, is read; None if all would."""
    try:
        again = type(data).__pydantic_validator__.validate_json(text)
    except ValidationError as error:
        field, why = problems_of(error)[0]
        return Lost((field,) if field else (), f"could not be read back: {why}")
    if again.__dict__ == data.__dict__ and again.__pydantic_extra__ == data.__pydantic_extra__:
        return None
    return None if again == data else _difference(data, again)


def _difference(one: Any, other: Any) -> Lost | None:
    """None if the only difference is NaN, which is not equal to itself."""
    if isinstance(one, BaseModel) and type(one) is type(other):
        names = (*type(one).model_fields, *(one.model_extra or {}))
        return _first((name, getattr(one, name), getattr(other, name, None)) for name in names)
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        return _first((str(name), inner, other[name]) for name, inner in one.items())
    if type(one) is type(other) and isinstance(one, list | tuple) and len(one) == len(other):
        return _first((str(place), inner, other[place]) for place, inner in enumerate(one))
    if one == other or (isinstance(one, float) and isinstance(other, float) and one != one and other != other):  # noqa: PLR0124
        return None
    instead = "another" if type(one) is type(other) else f"a {type(other).__name__}"
    return Lost((), f"is a {type(one).__name__} that would come back as {instead}: give it a type whose JSON tells it")


def _first(parts: Iterable[tuple[str, Any, Any]]) -> Lost | None:
    for name, one, other in parts:
        if (one is not other) and (lost := _difference(one, other)):
            return Lost((name, *lost.field), lost.problem)
    return None
