"""Locks of other sessions: which role may take which; every wait is bounded, and its error names the holder."""

from decimal import Decimal

import psycopg
import pytest

from acci.store.aggregates.snapshots import save_snapshot
from acci.store.commands.handler import CommandHandler
from acci.store.log import seals
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.errors import Locked
from acci.store.postgres.session import Role
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue
from acci.store.settings import Limits
from tests.domains.ledger import CONTEXT, Account, Open, Pay, command, stream
from tests.support.histories import append_probe, value

CATALOGUE = Catalogue((CONTEXT,))
MODES = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE"]
MODES += ["EXCLUSIVE", "ACCESS EXCLUSIVE"]
HARMLESS = {"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"}
# What commands, queries and readers need; the roles that maintain tables may also lock them.
TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('acci', 'acci_migrations', 'read') AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1
"""


def lockable(connection: Connection, table: str) -> set[str]:
    """The modes in which the session may lock the table."""
    found = set()
    for mode in MODES:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(f"LOCK TABLE {table} IN {mode} MODE NOWAIT".encode())
            found.add(mode)
        except psycopg.errors.InsufficientPrivilege:
            continue
    return found


@pytest.mark.parametrize("role", ["append", "read"])
def test_append_and_read_logins_cannot_lock_tables(database_url: str, role: Role) -> None:
    with connect(database_url, "owner") as owner, connect(database_url, "test", role) as connection:
        tables = [row[0] for row in owner.execute(TABLES)]
        assert "acci.snapshots" in tables
        assert {table: lockable(connection, table) - HARMLESS for table in tables} == {table: set() for table in tables}


@pytest.mark.parametrize("table", ["acci.events", "acci.commands", "acci.seals"])
def test_only_the_owner_can_lock_the_log(database_url: str, table: str) -> None:
    for role in ("append", "project", "read", "administer"):
        with connect(database_url, "test", role) as connection:
            assert lockable(connection, table) <= HARMLESS, role


def test_append_logins_can_still_replace_snapshots(database_url: str) -> None:
    with connect(database_url, "test", "append") as connection:
        for holder in ("Ann", "Bob"):
            save_snapshot(connection, stream("a"), 1, Account(holder=holder))
        connection.execute("SET acci.tenant = 'acme'")
        assert value(connection, "SELECT state ->> 'holder' FROM acci.snapshots") == "Bob"


def test_a_seal_waits_a_bounded_time_and_names_the_lock_holder(connection: Connection, database_url: str) -> None:
    append_probe(connection, "a")
    with connect(database_url, "meddler", "append") as meddler:
        meddler.execute("SELECT pg_advisory_lock(hashtext('acci seal'))")
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable) as refused:
            seals.seal(connection)
        (note,) = refused.value.__notes__
        assert f"(acci meddler), process {meddler.info.backend_pid}, idle" in note
    assert seals.seal(connection).events == 1


def test_a_lock_timeout_that_nobody_set_has_a_bound(connection: Connection) -> None:
    for name, bound in (
        ("log/seals:lock", "1min"),
        ("postgres/migrations:lock", "10min"),
        ("encryption/keys:lock", "1min"),
        ("log/event_ids:lock", "5min"),
    ):
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL lock_timeout = 0")
            connection.execute(sql(name))
            assert value(connection, "SHOW lock_timeout") == bound
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL lock_timeout = '7s'")
            connection.execute(sql(name))
            assert value(connection, "SHOW lock_timeout") == "7s"


OPEN_APPEND = """
    INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                             metadata)
    VALUES (now(), gen_random_uuid(), 1, %(tenant_id)s, %(aggregate_type)s, %(aggregate_id)s, 'Opened', '{}', '{}')
"""
SOON = Limits(lock_timeout=0.3)


def test_a_command_waits_a_bounded_time_for_an_open_append(database_url: str) -> None:
    """Both begin the same stream: PostgreSQL waits to see whether the first one commits."""
    sent = command(Open(account="a", holder="Ann"))
    with connect(database_url, "other client", "append") as other, Database(database_url, limits=SOON) as database:
        store = EventStore(database, CATALOGUE)
        handler = CommandHandler(store, CATALOGUE)
        other.execute("BEGIN")
        other.execute("SET LOCAL acci.tenant = 'acme'")
        other.execute(OPEN_APPEND, stream("a")._asdict())
        with pytest.raises(Locked) as refused:
            handler.handle(sent)
        assert f"(acci other client), process {other.info.backend_pid}, idle in transaction" in str(refused.value)
        assert refused.value.transient
        other.execute("ROLLBACK")
        assert handler.handle(sent)[0].version == 1


def test_several_streams_wait_a_bounded_time_for_their_locks(database_url: str) -> None:
    with connect(database_url, "meddler", "append") as meddler, Database(database_url, limits=SOON) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        for account in "ab":
            handler.handle(command(Open(account=account, holder="Ann")))
        both = [command(Pay(account=account, amount=Decimal(1))) for account in "ab"]
        held = {f"{part}s": [text] for part, text in stream("b")._asdict().items()}
        with meddler.transaction():
            meddler.execute(sql("log/streams:lock"), held | {"written": [True]})
            with pytest.raises(Locked, match=rf"\(acci meddler\), process {meddler.info.backend_pid}"):
                handler.handle_together(both)
        assert [each[0].version for each in handler.handle_together(both)] == [2, 2]


def test_a_command_waits_a_bounded_time_for_a_locked_table(connection: Connection, database_url: str) -> None:
    with Database(database_url, limits=SOON) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE, recent=0)
        with connection.transaction():
            connection.execute("LOCK TABLE acci.snapshots")
            with pytest.raises(Locked, match=rf"process {connection.info.backend_pid}, idle in transaction"):
                handler.handle(command(Open(account="a", holder="Ann")))


def test_a_session_has_a_lock_timeout_unless_its_login_has_one(database_url: str, connection: Connection) -> None:
    with connect(database_url, "long work") as long, Database(database_url) as database:
        assert value(long, "SHOW lock_timeout") == "5min"
        with database.connection() as lent:
            assert value(lent, "SHOW lock_timeout") == "10s"
    name = connection.info.dbname
    connection.execute(f"ALTER DATABASE {name} SET lock_timeout = '7s'".encode())
    with connect(database_url, "long work") as long, Database(database_url) as database:
        assert value(long, "SHOW lock_timeout") == "7s"
        with database.connection() as lent:
            assert value(lent, "SHOW lock_timeout") == "7s"
