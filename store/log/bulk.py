"""Bulk append: many events of many streams by COPY, for imports and simulated histories."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import errors

from acci.domain.errors import AcciError
from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.store.log.event_ids import FEW, duplicate_id, lock_bulk_appends
from acci.store.log.payloads import check_stream, encode_data, encode_metadata
from acci.store.postgres.database import Connection
from acci.store.postgres.sequence import require_sequence
from acci.store.postgres.statements import sql

COLUMNS = ["timestamptz", "uuid", "int4", "int4", "text", "text", "text", "text", "bytea", "bytea"]
JSONB = b"\x01"  # the version that begins a jsonb value in binary COPY
WORTH_ANALYZING = 20_000  # events; after more, run ANALYZE instead of waiting for autovacuum


class BulkRefused(AcciError):
    """The database refused a bulk append; nothing of it was stored."""

    reason: str

    sentence = "Nothing was stored: {reason} Correct the events and append them again."


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event whose payload is JSON text, known to be right for its type and version, personal data encrypted."""

    id: UUID
    aggregate_id: str
    aggregate_type: str
    event_type: str
    version: int
    data: str
    metadata: EventMetadata
    timestamp: datetime
    schema_version: int = 1

    @property
    def stream(self) -> StreamId:
        return StreamId(self.metadata.tenant_id, self.aggregate_type, self.aggregate_id)


@dataclass(frozen=True)
class Appended:
    """What a bulk append did: how many events, all of them above position `after` and at or below `to`."""

    events: int
    after: int
    to: int


def append_in_bulk(
    connection: Connection, events: Iterable[Event[EventData] | RawEvent], payload_limit: int
) -> Appended:
    """Store all `events` with the versions and timestamps they have, or none; streamed, memory stays flat.

    Raises `BulkRefused` if a version or an event's id is taken, or a stream would have a gap; `PayloadTooLarge` or
    `Unstorable`.
    """
    with connection.transaction():
        require_sequence(connection)
        after = _head(connection)
        ids: list[UUID] = []
        try:
            count, last = _copy(connection, events, payload_limit, ids)
        except errors.UniqueViolation as error:
            raise BulkRefused(f"{error.diag.message_detail}") from error
        except errors.DataError as error:
            raise BulkRefused(f"PostgreSQL says {error.diag.message_primary} ({error.diag.context}).") from error
        to = _head(connection)
        if last is not None:
            _refuse_gaps(connection, after, to, last)
            lock_bulk_appends(connection)
            if (double := duplicate_id(connection, ids, after, to, last.stream, last.version)) is not None:
                raise BulkRefused(f"the event id {double} is in the log already, or twice among these.")
    if count >= WORTH_ANALYZING:
        connection.execute(sql("log/events:analyze"))
    return Appended(count, after, to)


def _copy(
    connection: Connection, events: Iterable[Event[EventData] | RawEvent], limit: int, ids: list[UUID]
) -> tuple[int, Event[EventData] | RawEvent | None]:
    """Counts events and keeps the last; `ids` gets their ids, as long as they are few."""
    count, event, last_metadata, metadata_json = 0, None, None, b""
    with connection.cursor() as cursor, cursor.copy(sql("log/events:copy")) as copy:
        copy.set_types(COLUMNS)
        for event in events:
            stream = event.stream
            check_stream(stream)
            data = event.data if isinstance(event, RawEvent) else encode_data(event, limit, connection.keys)
            if event.metadata is not last_metadata:
                last_metadata = event.metadata
                metadata_json = JSONB + encode_metadata(last_metadata).encode()
            copy.write_row(
                (
                    event.timestamp,
                    event.id,
                    event.version,
                    event.schema_version,
                    *stream,
                    event.event_type,
                    JSONB + data.encode(),
                    metadata_json,
                )
            )
            count += 1
            if count <= FEW + 1:
                ids.append(event.id)
    return count, event


def _refuse_gaps(connection: Connection, after: int, to: int, last: Event[EventData] | RawEvent) -> None:
    bounds = {"after": after, "to": to, **last.stream._asdict(), "version": last.version}
    # Planned for these positions each time: a plan for any reads the whole log.
    gap = connection.execute(sql("log/gap"), bounds, prepare=False).fetchone()
    if gap is not None:
        *stream, first, last, count = gap
        problem = (
            f"it has no version {first - 1}, and the first one given is {first}."
            if last - first + 1 == count
            else f"of its versions {first} to {last} only {count} were given."
        )
        raise BulkRefused(f"the stream {tuple(stream)} would have a gap: {problem}")


def _head(connection: Connection) -> int:
    row = connection.execute(sql("log/events:last_position")).fetchone()
    return int(row[0]) if row else 0
