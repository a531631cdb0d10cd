"""One append as one statement: its arguments, what comes back, and what its errors mean."""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor, DatabaseError, errors
from psycopg.pq import TransactionStatus

from acci.domain.errors import AcciError, ConcurrencyError, UnknownName
from acci.domain.events import Event, EventData, RecordedEvent, StreamId
from acci.store.log.event_ids import UNIQUE
from acci.store.log.payloads import check_stream, encode_data, encode_metadata, problem_of_moment
from acci.store.postgres.database import Connection
from acci.store.postgres.errors import SEQUENCE_BEHIND, SequenceBehind, refusal_of
from acci.store.postgres.statements import sql
from acci.store.values.storable import Unstorable

# SQLSTATE of acci.refuse_version: for a stream that was to be written, and for one that was only read.
# And for one that somebody else has the turn at.
NOT_AT_VERSION, CHANGED, TAKEN = "AC001", "AC002", "AC004"
WHERE_NOTHING_IS_STORED = (SEQUENCE_BEHIND, errors.ReadOnlySqlTransaction.sqlstate)

Recorded = RecordedEvent[EventData]


@dataclass(eq=False, repr=False)
class MisplacedEvent(AcciError):
    """An event given to an append is not the next one of its stream; `problem` is a sentence."""

    event_type: str
    aggregate_id: str
    problem: str

    def __str__(self) -> str:
        return f"{self.event_type} for {self.aggregate_id!r} does not belong there: {self.problem}"


@dataclass(eq=False, repr=False)
class EventIdTaken(AcciError):
    """The database keeps event ids apart, and one of these events has the id of another; nothing was stored."""

    aggregate_id: str

    def __str__(self) -> str:
        return (
            f"The events for {self.aggregate_id!r} were not stored: the id of one of them is that of an event in the "
            "log. If they were sent before, they are there; else give each an id of its own."
        )


@dataclass(eq=False, repr=False)
class StreamChanged(ConcurrencyError):
    """A stream that was only to be read is not at the version it had to stay at; nothing was stored."""

    def __str__(self) -> str:
        return (
            f"{self.aggregate_id!r} is at version {self.actual_version}, and had to stay at {self.expected_version} "
            "for this change. Look at it again and decide again."
        )


class Handled(NamedTuple):
    """The command that an append belongs to, remembered with it: `content` is the digest of what it asked for."""

    id: UUID
    name: str
    content: bytes


class Statement(NamedTuple):
    """What to send: the text of a statement of sql/log/append.sql, and its arguments."""

    text: bytes
    arguments: dict[str, Any]


class Append(NamedTuple):
    """Events for one stream, to be stored as versions `expected_version + 1 …`, and the command behind them.

    One of the two may be missing. `follows` is the id of the event that must be at `expected_version`, where who
    decided knows it: a version alone could be another one's since a restore or failover lost what was there. One that
    `gives_way` is refused while somebody else has the stream's turn, also one who has not come to store anything.
    """

    stream: StreamId
    expected_version: int
    events: Sequence[Event[EventData]]
    command: Handled | None = None
    follows: UUID | None = None
    gives_way: bool = False

    def statement(self, types: Mapping[str, type[EventData]], payload_limit: int) -> Statement:
        """What stores it. Raises `MisplacedEvent`, `UnknownName`, `PayloadTooLarge` or `Unstorable`."""
        events, command = self.events, self.command
        check_stream(self.stream)
        tenant, kind, aggregate = self.stream
        arguments: dict[str, Any] = {
            "tenant_id": tenant, "aggregate_type": kind, "aggregate_id": aggregate,
            "expected_version": self.expected_version, "follows": self.follows,
        }  # fmt: skip
        for version, event in enumerate(events, self.expected_version + 1):
            _check(event, self.stream, version, types)
        if len(events) > 1:
            refuse_doubles(events)
        if command or len(events) != 1:
            arguments["command_id"], arguments["command_name"], arguments["command_content"] = command or (None,) * 3
            arguments["gives_way"] = self.gives_way
        if not events:
            return Statement(_text("log/commands:add"), arguments)
        if len(events) == 1:
            arguments.update(_values(events[0], payload_limit))
            return Statement(_text("log/append:event_of_command" if command else "log/append:event"), arguments)
        values = [_values(event, payload_limit) for event in events]
        columns = {f"{name}s": array(str(each[name]) for each in values) for name in values[0]}
        return Statement(_text("log/append:events"), arguments | columns)

    def recorded(self, cursor: Cursor[tuple[Any, ...]]) -> tuple[Recorded, ...]:
        """The events as stored, from what the statement gave: a row an event."""
        rows = cursor.fetchall() if self.events else ()
        return tuple([_recorded(event, *row) for event, row in zip(self.events, rows, strict=True)])


@cache
def _text(name: str) -> bytes:
    """As it is sent; the driver would encode it for each append."""
    return sql(name).encode()


def append_one(connection: Connection, append: Append, statement: Statement) -> tuple[Recorded, ...]:
    """Store one append, in a transaction of its own."""
    try:
        cursor = connection.at_hand.execute(*statement)
    except DatabaseError as error:
        raise translated(error, connection, {append.stream: append.expected_version}) from error
    return append.recorded(cursor)


def translated(
    error: DatabaseError, connection: Connection, expected: Mapping[StreamId, int], unchanged: Container[StreamId] = ()
) -> BaseException:
    """The error that a caller can act on, if `error` stands for one; `expected` holds what each stream was to be at.

    Of those in `unchanged` the caller said so: who only reads them need not decide again.
    """
    if error.sqlstate in (NOT_AT_VERSION, CHANGED, TAKEN):
        actual, *names = json.loads(error.diag.message_detail or "[]")
        stream = StreamId(*names)
        if error.sqlstate == TAKEN:
            actual = expected[stream]  # where it is is not known, with somebody else at it
        kind = StreamChanged if error.sqlstate == CHANGED and stream in unchanged else ConcurrencyError
        return kind(stream.aggregate_id, expected[stream], actual)
    if isinstance(error, errors.UniqueViolation):
        return _taken(error, connection, expected)
    if error.sqlstate in WHERE_NOTHING_IS_STORED or isinstance(error, errors.LockNotAvailable):
        return refusal_of(error) or error
    if isinstance(error, errors.DataError):
        return Unstorable("An event", "data", f"is refused by PostgreSQL: {error.diag.message_primary}.")
    return error


def _taken(error: errors.UniqueViolation, connection: Connection, expected: Mapping[StreamId, int]) -> AcciError:
    """What somebody else has: a position, an event's id, or a version of a stream."""
    if error.diag.constraint_name == "events_pkey":
        return SequenceBehind("the sequence of positions gave one that is taken")
    if connection.info.transaction_status == TransactionStatus.INERROR:
        connection.rollback()
    if error.diag.constraint_name == UNIQUE:
        return EventIdTaken(next(iter(expected)).aggregate_id)
    actual_versions = {stream: version_of(connection, stream) for stream in expected}
    # All as expected: it is the command that was handled before, and the same holds for it: load and see.
    moved = [stream for stream in expected if actual_versions[stream] != expected[stream]] or list(expected)
    return ConcurrencyError(moved[0].aggregate_id, expected[moved[0]], actual_versions[moved[0]])


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


def version_of(connection: Connection, stream: StreamId) -> int:
    """The stream's version; 0 without one."""
    row = connection.execute(sql("log/streams:version"), stream._asdict()).fetchone()
    return int(row[0]) if row else 0


def _check(event: Event[EventData], stream: StreamId, version: int, types: Mapping[str, type[EventData]]) -> None:
    found = types.get(event.event_type)
    if found is None:
        raise UnknownName("event", event.event_type, tuple(types))
    problem = None
    if (event.metadata.tenant_id, event.aggregate_type, event.aggregate_id) != stream:
        problem = f"its stream is {tuple(event.stream)}, not {tuple(stream)}."
    elif event.version != version:
        problem = f"it has version {event.version}, and version {version} is next."
    elif type(event.data) is not found or event.schema_version != found.schema_version:
        problem = f"its payload is not a {found.__name__} of schema version {found.schema_version}."
    elif event.timestamp.tzinfo is not UTC and (wrong := problem_of_moment(event.timestamp)):
        problem = f"its timestamp {event.timestamp} {wrong}."
    if problem:
        raise MisplacedEvent(event.event_type, event.aggregate_id, problem)


def _values(event: Event[EventData], payload_limit: int) -> dict[str, Any]:
    return {
        "timestamp": event.timestamp.isoformat(),
        "id": event.id,
        "schema_version": event.schema_version,
        "event_type": event.event_type,
        "data": encode_data(event, payload_limit),
        "metadata": encode_metadata(event.metadata),
    }


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
