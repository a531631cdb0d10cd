"""Several appends, and streams that must not change meanwhile, as one transaction in one round trip."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Cursor, DatabaseError
from psycopg.pq import TransactionStatus

from acci.domain.errors import ConcurrencyError
from acci.domain.events import StreamId
from acci.store.log.append import Append, Encoder, Lend, Recorded, Statement, recorded, refuse_doubles
from acci.store.log.append_errors import StreamChanged, translated, version_of
from acci.store.log.payloads import check_stream
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


def append_together(
    lend: Lend, appends: Sequence[Append], encoder: Encoder, unchanged: Mapping[StreamId, int]
) -> tuple[tuple[Recorded, ...], ...]:
    """Store all appends, in order, if the streams in `unchanged` are at those versions; or nothing.

    An append without events still requires its stream's expected version. Afterwards the transaction has ended, also
    after an error; one of the caller's stays open unless the appends were refused.
    """
    statements = [encoder.statement(append) for append in appends]
    if len(appends) > 1:
        refuse_doubles([event for append in appends for event in append.events])
    with lend() as connection:
        cursors = _send(connection, appends, statements, unchanged)
        return tuple(recorded(append, cursor) for append, cursor in zip(appends, cursors, strict=True))


def _send(
    connection: Connection,
    appends: Sequence[Append],
    statements: Sequence[Statement],
    unchanged: Mapping[StreamId, int],
) -> list[Cursor[tuple[Any, ...]]]:
    """The rows that each statement returned, once all are stored."""
    written = {append.stream for append in appends if append.events}
    # A stream with an append is checked by that; only its version before the first append can be required.
    first = {append.stream: append.expected_version for append in reversed(appends)}
    for stream, version in unchanged.items():
        check_stream(stream)
        if first.get(stream, version) != version:
            raise _at_odds(connection, stream, first[stream], version)
    checks = {stream: version for stream, version in {**first, **unchanged}.items() if stream not in written}
    is_within = connection.info.transaction_status == TransactionStatus.INTRANS  # the caller's own
    cursors: list[Cursor[tuple[Any, ...]]] = []
    refused: DatabaseError | None = None
    try:
        with connection.pipeline():
            try:
                if not is_within:
                    connection.execute("BEGIN")
                connection.execute(sql("log/streams:lock"), _locks(written, checks))
                for stream, version in checks.items():
                    connection.execute(sql("log/streams:check_version"), {**stream._asdict(), "version": version})
                cursors = [connection.execute(*statement) for statement in statements]
                if not is_within:
                    connection.execute("COMMIT")
            except DatabaseError as error:
                refused = error  # after the pipeline's end the driver would log that it ignores the follow-up error
    except DatabaseError as error:
        refused = refused or error
    if refused is not None:
        if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            connection.rollback()
        raise translated(refused, connection, first | checks, unchanged) from refused
    return cursors


def _at_odds(connection: Connection, stream: StreamId, expected: int, unchanged: int) -> ConcurrencyError:
    """The stream cannot be at both versions: the error of the one that it is not at."""
    actual = version_of(connection, stream)
    if actual != unchanged:
        return StreamChanged(stream.aggregate_id, unchanged, actual)
    return ConcurrencyError(stream.aggregate_id, expected, actual)


def _locks(written: set[StreamId], checks: Mapping[StreamId, int]) -> dict[str, Any]:
    streams = [*written, *checks]
    return {
        "tenant_ids": [stream.tenant_id for stream in streams],
        "aggregate_types": [stream.aggregate_type for stream in streams],
        "aggregate_ids": [stream.aggregate_id for stream in streams],
        "written": [stream in written for stream in streams],
    }
