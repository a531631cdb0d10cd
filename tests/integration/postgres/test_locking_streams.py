"""The locks of several streams at once: readers wait only for writers."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from acci.store.postgres.database import Connection, connect
from acci.store.postgres.statements import sql
from tests.domains.ledger import stream
from tests.support.histories import value
from tests.support.read_models import wait_until_blocked

ASKED = """
    SELECT mode FROM pg_locks
    WHERE pid = %s AND NOT granted AND locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def lock(connection: Connection, written: bool, account: str = "a", tenant: str = "acme") -> None:
    tenant_id, kind, name = stream(account, tenant)
    arguments = {"tenant_ids": [tenant_id], "aggregate_types": [kind], "aggregate_ids": [name], "written": [written]}
    connection.execute(sql("log/streams:lock"), arguments)


@pytest.mark.parametrize(
    ("held", "wanted", "mode"),
    [(True, True, "ExclusiveLock"), (True, False, "ShareLock"), (False, True, "ExclusiveLock")],
)
def test_a_writer_locks_a_stream_exclusively(
    connection: Connection, database_url: str, held: bool, wanted: bool, mode: str
) -> None:
    """`held` and `wanted`: whether the holder, and the session that waits, write."""
    with connect(database_url, "second") as second, ThreadPoolExecutor(1) as threads:
        with connection.transaction():
            lock(connection, held)
            asking = threads.submit(lock, second, wanted)
            wait_until_blocked(connection, second.info.backend_pid)
            assert value(connection, ASKED, (second.info.backend_pid,)) == mode
            assert not asking.done()
        asking.result(timeout=30)


def test_readers_share_a_stream_and_ignore_other_streams(connection: Connection, database_url: str) -> None:
    with connect(database_url, "second") as second, connection.transaction(), second.transaction():
        second.execute("SET LOCAL lock_timeout = '1s'")
        lock(connection, written=False)
        lock(second, written=False)
        lock(connection, written=True, account="b")
        lock(second, written=True, account="c")
        lock(second, written=True, account="b", tenant="other")
        with pytest.raises(psycopg.errors.LockNotAvailable), second.transaction():
            lock(second, written=False, account="b")


def test_a_stream_that_is_written_and_read_is_locked_for_writing(connection: Connection, database_url: str) -> None:
    tenant_id, kind, name = stream("a")
    twice = {"tenant_ids": [tenant_id] * 2, "aggregate_types": [kind] * 2, "aggregate_ids": [name] * 2}
    with connect(database_url, "second") as second, connection.transaction(), second.transaction():
        second.execute("SET LOCAL lock_timeout = '50ms'")
        connection.execute(sql("log/streams:lock"), {**twice, "written": [False, True]})
        with pytest.raises(psycopg.errors.LockNotAvailable):
            lock(second, written=False)
