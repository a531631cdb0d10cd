"""Why an append was refused: by its own events, or by PostgreSQL, whose errors are translated here."""

import json
from collections.abc import Container, Mapping

from psycopg import DatabaseError, errors
from psycopg.pq import TransactionStatus

from acci.domain.errors import AcciError, ConcurrencyError
from acci.domain.events import StreamId
from acci.store.log.event_ids import UNIQUE
from acci.store.postgres.database import Connection
from acci.store.postgres.errors import SequenceBehind
from acci.store.postgres.refusals import SEQUENCE_BEHIND, refusal_of
from acci.store.postgres.statements import sql
from acci.store.values.storable import Unstorable

# SQLSTATEs of acci.refuse_version: a stream to be written, a stream only read, a stream locked by another process.
NOT_AT_VERSION, CHANGED, TAKEN = "AC001", "AC002", "AC004"
WHERE_NOTHING_IS_STORED = (SEQUENCE_BEHIND, errors.ReadOnlySqlTransaction.sqlstate)


class MisplacedEvent(AcciError):
    """An event given to an append is not the next one of its stream; `problem` is a sentence."""

    event_type: str
    aggregate_id: str
    problem: str

    sentence = "{event_type} for {aggregate_id!r} does not belong there: {problem}"


class EventIdTaken(AcciError):
    """Event ids are unique in this database, and one of these events has the id of another; nothing was stored."""

    aggregate_id: str

    sentence = (
        "The events for {aggregate_id!r} were not stored: the id of one of them is that of an event in the "
        "log. If they were sent before, they are there; else give each an id of its own."
    )


class StreamChanged(ConcurrencyError):
    """A stream that was only to be read is not at the version it had to stay at; nothing was stored."""

    def __str__(self) -> str:
        return (
            f"{self.aggregate_id!r} is at version {self.actual_version}, and had to stay at {self.expected_version} "
            "for this change. Look at it again and decide again."
        )


def version_of(connection: Connection, stream: StreamId) -> int:
    """The stream's version; 0 without one."""
    row = connection.execute(sql("log/streams:version"), stream._asdict()).fetchone()
    return int(row[0]) if row else 0


def translated(
    error: DatabaseError, connection: Connection, expected: Mapping[StreamId, int], unchanged: Container[StreamId] = ()
) -> BaseException:
    """The error that a caller can act on, if `error` stands for one; `expected` holds what each stream was to be at.

    Those in `unchanged` the caller named itself: if it only reads them, it need not decide again.
    """
    if error.sqlstate in (NOT_AT_VERSION, CHANGED, TAKEN):
        actual, *names = json.loads(error.diag.message_detail or "[]")
        stream = StreamId(*names)
        if error.sqlstate == TAKEN:
            actual = expected[stream]  # its version is unknown while another process holds its lock
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
    """The error for a unique violation: of a position, an event's id, or a version of a stream."""
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
