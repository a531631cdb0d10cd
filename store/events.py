"""The event store: append and read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from psycopg import DatabaseError, errors

from domain.errors import AcciError, ConcurrencyError
from domain.events import Event, EventData, RecordedEvent, StreamId
from store.bulk import Appended, RawEvent, append_in_bulk
from store.catalogue import Catalogue
from store.database import Connection, Database
from store.high_water import establish
from store.payloads import PAYLOAD_LIMIT, Decoder, Unstorable, check_stream, encode_data, encode_metadata
from store.statements import sql

PAGE = 1000  # events a round trip when reading
NOT_AT_VERSION = "AC001"  # SQLSTATE of acci.refuse_version

Recorded = RecordedEvent[EventData]


@dataclass(eq=False, repr=False)
class MisplacedEvent(AcciError):
    """An event given to an append is not the next one of its stream; `problem` is a sentence."""

    event_type: str
    aggregate_id: str
    problem: str

    def __str__(self) -> str:
        return f"{self.event_type} for {self.aggregate_id!r} does not belong there: {self.problem}"


class EventStore:
    """The event log of one database. Safe to share between threads."""

    def __init__(self, database: Database, catalogue: Catalogue, payload_limit: int = PAYLOAD_LIMIT) -> None:
        self._database = database
        self._decoder = Decoder(catalogue.events)
        self._payload_limit = payload_limit

    def append(
        self, stream: StreamId, expected_version: int, events: Sequence[Event[EventData]]
    ) -> tuple[Recorded, ...]:
        """Store all `events`, or none, as versions `expected_version + 1 …` of `stream`, in one round trip.

        Raises `ConcurrencyError` if the stream is not at `expected_version`; `MisplacedEvent`, `PayloadTooLarge` or
        `Unstorable` before anything is sent.
        """
        if not events:
            return ()
        arguments = self._arguments(stream, expected_version, events)
        with self._database.connection() as connection:
            try:
                row = connection.execute(sql("events/append"), arguments).fetchone()
            except DatabaseError as error:
                raise _translated(error, connection, stream, expected_version) from error
        positions, recorded_at = row or ((), None)
        return tuple(_recorded(event, position, recorded_at) for event, position in zip(events, positions, strict=True))

    def append_in_bulk(self, events: Iterable[Event[EventData] | RawEvent]) -> Appended:
        """Store all `events`, of any streams, with the versions and timestamps they have, or none, by COPY.

        Streamed, memory stays flat. Raises `BulkRefused` if a version is taken or a stream would have a gap;
        `PayloadTooLarge` or `Unstorable`.
        """
        with self._database.connection() as connection:
            return append_in_bulk(connection, events, self._payload_limit)

    def version(self, stream: StreamId) -> int:
        """The stream's version now; 0 if there is no such stream."""
        with self._database.connection() as connection:
            return _version(connection, stream)

    def read_stream(
        self,
        stream: StreamId,
        from_version: int = 1,
        to_version: int | None = None,
        as_of: datetime | None = None,
    ) -> Iterator[Recorded]:
        """The stream's events in order, both versions included; with `as_of`, those that had happened by then.

        Streamed in pages: memory stays flat, and no connection is held between them.
        """
        window = {**stream._asdict(), "to_version": to_version, "as_of": as_of, "page": PAGE}
        while True:
            with self._database.connection() as connection:
                rows = connection.execute(
                    sql("events/read_stream"), {**window, "from_version": from_version}
                ).fetchall()
            for row in rows:
                yield self._decoder.event(row)
            if len(rows) < PAGE:
                return
            from_version = rows[-1][4] + 1

    def read_all(
        self,
        after: int = 0,
        up_to: int | None = None,
        event_types: Sequence[str] | None = None,
        tenant_id: str | None = None,
    ) -> Iterator[Recorded]:
        """Events at positions above `after`, in order, never beyond the high-water mark: none is skipped.

        Streamed in pages: memory stays flat, and no connection is held between them.
        """
        with self._database.connection() as connection:
            mark = establish(connection).position
        window = {
            "up_to": mark if up_to is None else min(up_to, mark),
            "event_types": None if event_types is None else list(event_types),
            "tenant_id": tenant_id,
            "page": PAGE,
        }
        while True:
            with self._database.connection() as connection:
                rows = connection.execute(sql("events/read_all"), {**window, "after": after}).fetchall()
            for row in rows:
                yield self._decoder.event(row)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def _arguments(self, stream: StreamId, expected_version: int, events: Sequence[Event[EventData]]) -> dict[str, Any]:
        check_stream(stream)
        for version, event in enumerate(events, expected_version + 1):
            if event.stream != stream:
                raise MisplacedEvent(event.event_type, event.aggregate_id, f"its stream is {event.stream}.")
            if event.version != version:
                problem = f"it has version {event.version}, and version {version} is next."
                raise MisplacedEvent(event.event_type, event.aggregate_id, problem)
        return {
            **stream._asdict(),
            "expected_version": expected_version,
            "timestamps": [event.timestamp for event in events],
            "ids": [event.id for event in events],
            "schema_versions": [event.schema_version for event in events],
            "event_types": [event.event_type for event in events],
            "data": [encode_data(event, self._payload_limit) for event in events],
            "metadata": [encode_metadata(event.metadata) for event in events],
        }


def _version(connection: Connection, stream: StreamId) -> int:
    row = connection.execute(sql("events/version"), stream._asdict()).fetchone()
    return int(row[0]) if row else 0


def _translated(error: DatabaseError, connection: Connection, stream: StreamId, expected_version: int) -> BaseException:
    """The error that a caller can act on, if there is one."""
    if error.sqlstate == NOT_AT_VERSION:
        actual = int(error.diag.message_detail or 0)
        return ConcurrencyError(stream.aggregate_id, expected_version, actual)
    if isinstance(error, errors.UniqueViolation):
        return ConcurrencyError(stream.aggregate_id, expected_version, _version(connection, stream))
    if isinstance(error, errors.DataError):
        return Unstorable("An event", "data", f"is refused by PostgreSQL: {error.diag.message_primary}.")
    return error


_ENVELOPE = tuple(field.name for field in fields(Event))


def _recorded(event: Event[EventData], position: int, recorded_at: datetime) -> Recorded:
    values = {name: getattr(event, name) for name in _ENVELOPE}
    return RecordedEvent(**values, position=position, recorded_at=recorded_at)
