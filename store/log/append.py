"""Append: events for one stream as one statement: what it says, how it is encoded, and what comes back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor, DatabaseError

from acci.domain.errors import UnknownName
from acci.domain.events import Event, EventData, EventMetadata, RecordedEvent, StreamId
from acci.store.log.append_errors import MisplacedEvent, translated
from acci.store.log.idempotency import IdempotencyRecord
from acci.store.log.payloads import check_stream, encode, problem_of_timestamp
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import sql

Lend = Callable[[], AbstractContextManager[Connection]]
Recorded = RecordedEvent[EventData]


class Statement(NamedTuple):
    """The statement to send, from sql/log/append.sql, and its arguments."""

    text: bytes
    arguments: dict[str, Any]


class Append(NamedTuple):
    """Events for one stream, to be stored as versions `expected_version + 1 …`, and the command behind them.

    Events or command may be missing. `follows` is the id of the event that must be at `expected_version`, if it is
    known: after a restore or failover the same version may be another event's. An append that `gives_way` is refused
    while another process holds the stream's lock, even if that process stores nothing.
    """

    stream: StreamId
    expected_version: int
    events: Sequence[Event[EventData]]
    command: IdempotencyRecord | None = None
    follows: UUID | None = None
    gives_way: bool = False


class Encoder(NamedTuple):
    """What an append is encoded by: the registered event types by name, the most bytes of a payload, and the keys."""

    types: Mapping[str, type[EventData]]
    payload_limit: int
    keys: Keys | None = None

    def statement(self, append: Append) -> Statement:
        """What stores the append. Raises `MisplacedEvent`, `UnknownName`, `PayloadTooLarge` or `Unstorable`."""
        stream, events, record = append.stream, append.events, append.command
        check_stream(stream)
        tenant, kind, aggregate = stream
        arguments: dict[str, Any] = {
            "tenant_id": tenant, "aggregate_type": kind, "aggregate_id": aggregate,
            "expected_version": append.expected_version, "follows": append.follows,
        }  # fmt: skip
        for version, event in enumerate(events, append.expected_version + 1):
            _check(event, stream, version, self.types)
        if len(events) > 1:
            refuse_doubles(events)
        if record or len(events) != 1:
            arguments["command_id"], arguments["command_name"], arguments["command_content"] = record or (None,) * 3
            arguments["gives_way"] = append.gives_way
        if not events:
            return Statement(_text("log/commands:add"), arguments)
        if len(events) == 1:
            arguments.update(encode(events[0], self.payload_limit, self.keys))
            return Statement(_text("log/append:event_of_command" if record else "log/append:event"), arguments)
        values = [encode(event, self.payload_limit, self.keys) for event in events]
        columns = {f"{name}s": array(str(each[name]) for each in values) for name in values[0]}
        return Statement(_text("log/append:events"), arguments | columns)


@cache
def _text(name: str) -> bytes:
    """The text as bytes, cached; the driver would encode it for each append."""
    return sql(name).encode()


def append_one(lend: Lend, append: Append, encoder: Encoder) -> tuple[Recorded, ...]:
    """Store one append in its own transaction. One that cannot be encoded borrows no connection and sends nothing."""
    statement = encoder.statement(append)
    with lend() as connection:
        try:
            cursor = connection.at_hand.execute(*statement)
        except DatabaseError as error:
            raise translated(error, connection, {append.stream: append.expected_version}) from error
        return recorded(append, cursor)


def recorded(append: Append, cursor: Cursor[tuple[Any, ...]]) -> tuple[Recorded, ...]:
    """The events as stored, from what the append's statement gave: a row an event."""
    rows = cursor.fetchall() if append.events else ()
    return tuple([_recorded(event, *row) for event, row in zip(append.events, rows, strict=True)])


def refuse_doubles(events: Sequence[Event[EventData]]) -> None:
    """Raises `MisplacedEvent` if two of the events have one id."""
    seen: set[UUID] = set()
    for event in events:
        if event.id in seen:
            problem = f"its id {event.id} is that of another event given with it; give each an id of its own."
            raise MisplacedEvent(event.event_type, event.aggregate_id, problem)
        seen.add(event.id)


def array(texts: Iterable[str]) -> str:
    """An array as PostgreSQL reads it: the driver's own way takes ten times as long."""
    return "{" + ",".join(['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]) + "}"


def _check(event: Event[EventData], stream: StreamId, version: int, types: Mapping[str, type[EventData]]) -> None:
    if not isinstance(event, Event):
        raise TypeError(f"{event!r:.100} is no Event.")
    found = types.get(event.event_type)
    if found is None:
        raise UnknownName("event", event.event_type, tuple(types))
    problem = None
    if not isinstance(event.id, UUID):
        raise MisplacedEvent(event.event_type, event.aggregate_id, f"its id {event.id!r:.100} is no UUID.")
    if not isinstance(event.metadata, EventMetadata):
        raise MisplacedEvent(event.event_type, event.aggregate_id, "its metadata is no EventMetadata.")
    if (event.metadata.tenant_id, event.aggregate_type, event.aggregate_id) != stream:
        problem = f"its stream is {tuple(event.stream)}, not {tuple(stream)}."
    elif event.version != version:
        problem = f"it has version {event.version}, and version {version} is next."
    elif type(event.data) is not found or event.schema_version != found.schema_version:
        problem = f"its payload is not a {found.__name__} of schema version {found.schema_version}."
    elif getattr(event.timestamp, "tzinfo", None) is not UTC and (wrong := problem_of_timestamp(event.timestamp)):
        problem = f"its timestamp {event.timestamp} {wrong}."
    if problem:
        raise MisplacedEvent(event.event_type, event.aggregate_id, problem)


def _recorded(event: Event[EventData], position: int, recorded_at: datetime) -> Recorded:
    return RecordedEvent(
        event.id,
        event.aggregate_id,
        event.aggregate_type,
        event.event_type,
        event.version,
        event.data,
        event.metadata,
        event.timestamp,
        event.schema_version,
        position=position,
        recorded_at=recorded_at,
    )
