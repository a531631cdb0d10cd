"""Locks that somebody else holds: who may take which, and that nobody waits for ever, or unknowing for whom."""

import psycopg
import pytest

from store import sealing
from store.catalogue import Catalogue
from store.database import Connection, connect
from store.sessions import Role
from store.snapshots import save_snapshot
from store.statements import sql
from tests.histories import append_probe, value
from tests.ledger import CONTEXT, Account, stream

CATALOGUE = Catalogue((CONTEXT,))
MODES = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE"]
MODES += ["EXCLUSIVE", "ACCESS EXCLUSIVE"]
HARMLESS = {"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"}
# What commands, queries and those that read need; whoever maintains may lock what is theirs to maintain.
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
def test_who_appends_or_reads_can_lock_no_table_against_others(database_url: str, role: Role) -> None:
    with connect(database_url, "owner") as owner, connect(database_url, "test", role) as connection:
        tables = [row[0] for row in owner.execute(TABLES)]
        assert "acci.snapshots" in tables
        assert {table: lockable(connection, table) - HARMLESS for table in tables} == {table: set() for table in tables}


@pytest.mark.parametrize("table", ["acci.events", "acci.commands", "acci.seals"])
def test_nobody_but_the_owner_can_lock_the_log_against_others(database_url: str, table: str) -> None:
    for role in ("append", "project", "read", "administer"):
        with connect(database_url, "test", role) as connection:
            assert lockable(connection, table) <= HARMLESS, role


def test_who_appends_takes_snapshots_over_still(database_url: str) -> None:
    with connect(database_url, "test", "append") as connection:
        for holder in ("Ann", "Bob"):
            save_snapshot(connection, stream("a"), 1, Account(holder=holder))
        connection.execute("SET acci.tenant = 'acme'")
        assert value(connection, "SELECT state ->> 'holder' FROM acci.snapshots") == "Bob"


def test_a_seal_waits_for_no_other_session_for_ever_and_says_who_it_is(
    connection: Connection, database_url: str
) -> None:
    append_probe(connection, "a")
    with connect(database_url, "meddler", "append") as meddler:
        meddler.execute("SELECT pg_advisory_lock(hashtext('acci seal'))")
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable) as refused:
            sealing.seal(connection)
        (note,) = refused.value.__notes__
        assert f"(acci meddler), process {meddler.info.backend_pid}, idle" in note
    assert sealing.seal(connection).events == 1


def test_a_lock_timeout_that_nobody_set_has_a_bound(connection: Connection) -> None:
    for name, bound in (("sealing/lock", "1min"), ("migrating/take_lock", "10min"), ("keys/lock", "1min")):
        with connection.transaction(force_rollback=True):
            connection.execute(sql(name))
            assert value(connection, "SHOW lock_timeout") == bound
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL lock_timeout = '7s'")
            connection.execute(sql(name))
            assert value(connection, "SHOW lock_timeout") == "7s"
