"""Each SQLSTATE that can reach a person becomes the right error, and is retried only where that may help."""

import threading
from contextlib import suppress

import psycopg
import pytest
from psycopg import errors

from acci.domain.errors import AcciError
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.errors import (
    BeyondLimits,
    Cancelled,
    Contended,
    Damaged,
    DatabaseLost,
    IdleTooLong,
    Locked,
    NoMemory,
    NoRoom,
    NotAllowed,
    ReadOnlyServer,
    TookTooLong,
)
from acci.store.postgres.refusals import is_transient, refusal_of
from tests.support.histories import value
from tests.support.prefect_server import wait_for

NUMBERS: dict[str, tuple[type[AcciError], bool]] = {
    "08006": (DatabaseLost, True),
    "25006": (ReadOnlyServer, True),
    "28P01": (NotAllowed, False),
    "40001": (Contended, True),
    "40P01": (Contended, True),
    "42501": (NotAllowed, False),
    "53100": (NoRoom, False),
    "53200": (NoMemory, True),
    "53300": (DatabaseLost, True),
    "53400": (BeyondLimits, False),
    "54000": (BeyondLimits, False),
    "54001": (BeyondLimits, False),
    "55P03": (Locked, True),
    "57P01": (DatabaseLost, True),
    "57P02": (DatabaseLost, True),
    "57P03": (DatabaseLost, True),
    "57P05": (DatabaseLost, True),
    "58030": (Damaged, False),
    "XX001": (Damaged, False),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sqlstate_becomes_its_error(connection: Connection, number: str) -> None:
    """Raised by the server itself, as PostgreSQL's own would be."""
    with pytest.raises(psycopg.Error) as raised:
        connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'said so' USING ERRCODE = '{number}'; END $$".encode())
    told = refusal_of(raised.value)
    kind, transient = NUMBERS[number]
    assert type(told) is kind
    assert told.transient is is_transient(raised.value) is transient
    assert "said so" in str(told)


def test_faults_of_the_program_are_not_refusals(connection: Connection) -> None:
    for statement in (b"SELECT 1/0", b"SELEKT", b"SELECT no_such FROM pg_class"):
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(statement)
        assert refusal_of(raised.value) is None
        assert not is_transient(raised.value)


def test_a_statement_that_takes_too_long_is_not_tried_again(connection: Connection) -> None:
    connection.execute("SET statement_timeout = '50ms'")
    with pytest.raises(errors.QueryCanceled) as ended:
        connection.execute("SELECT pg_sleep(60)")
    assert isinstance(refusal_of(ended.value), TookTooLong)
    assert not is_transient(ended.value)


def test_a_cancelled_statement_is_reported_as_cancelled(connection: Connection, database_url: str) -> None:
    ended: list[psycopg.Error] = []

    def sleep() -> None:
        with connect(database_url, "sleeper") as other:
            try:
                other.execute("SELECT pg_sleep(60)")
            except psycopg.Error as error:
                ended.append(error)

    sleeping = threading.Thread(target=sleep)
    sleeping.start()
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    wait_for(lambda: connection.execute(cancel).fetchone(), 30, "it sleeps")
    sleeping.join()
    assert isinstance(refusal_of(ended[0]), Cancelled)
    assert not is_transient(ended[0])


def test_a_session_that_an_administrator_ends_was_lost(connection: Connection, database_url: str) -> None:
    with suppress(psycopg.Error), connect(database_url, "ended") as other:
        connection.execute("SELECT pg_terminate_backend(%s)", (other.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError) as ended:
            other.execute("SELECT 1")
        assert isinstance(refusal_of(ended.value), DatabaseLost)
        assert is_transient(ended.value)


def test_an_idle_transaction_that_was_ended_is_reported(connection: Connection, database_url: str) -> None:
    with suppress(psycopg.Error), connect(database_url, "idle") as other:
        other.execute("SET idle_in_transaction_session_timeout = '50ms'")
        other.execute("BEGIN")
        pid = other.info.backend_pid
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
        wait_for(lambda: value(connection, gone, (pid,)), 30, "it is ended")
        with pytest.raises(psycopg.Error) as ended:
            other.execute("SELECT 1")
        assert isinstance(refusal_of(ended.value), IdleTooLong | DatabaseLost)
        assert is_transient(ended.value)


def test_a_lock_that_is_held_may_be_free_later(connection: Connection, database_url: str) -> None:
    with connect(database_url, "holder") as holder, holder.transaction():
        holder.execute("LOCK TABLE acci.generations")
        connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(errors.LockNotAvailable) as held:
            connection.execute("SELECT FROM acci.generations")
    assert isinstance(refusal_of(held.value), Locked)
    assert is_transient(held.value)
