"""Stream locks: advisory locks by which those that append to a contended stream take turns."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from psycopg import errors
from psycopg.pq import TransactionStatus

from acci.domain.events import StreamId
from acci.store.log.payloads import check_stream
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

WAIT_MILLISECONDS = 5_000


@contextmanager
def in_turn(connection: Connection, written: Iterable[StreamId], read: Iterable[StreamId]) -> Iterator[None]:
    """A transaction that holds the locks of these streams; no transaction if they do not become free in time.

    An optimisation, like the queues within a process: no other process that takes these locks writes between loading
    the streams and storing the decision.
    """
    try:
        _take(connection, list(written), list(read))
        yield
        if connection.info.transaction_status == TransactionStatus.INTRANS:
            connection.execute("COMMIT")
    finally:
        if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            connection.rollback()


def _take(connection: Connection, written: list[StreamId], read: list[StreamId]) -> None:
    streams = [*written, *read]
    for stream in streams:
        check_stream(stream)
    arguments = {
        "milliseconds": str(WAIT_MILLISECONDS),
        "tenant_ids": [stream.tenant_id for stream in streams],
        "aggregate_types": [stream.aggregate_type for stream in streams],
        "aggregate_ids": [stream.aggregate_id for stream in streams],
        "written": [True] * len(written) + [False] * len(read),
    }
    connection.execute("BEGIN")
    try:
        connection.execute(sql("log/streams:lock_within"), arguments)
    except errors.LockNotAvailable:
        connection.rollback()
