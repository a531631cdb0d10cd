"""The embedded server's log: it contains no data values, and only the server's owner can read it."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from acci.store.embedded import log_files
from acci.store.embedded.server import EmbeddedServer
from acci.store.postgres.errors import IdleTooLong
from acci.store.postgres.refusals import is_transient, refusal_of
from tests.support.prefect_server import wait_for

SECRET = "Zwartkruis"
FAILING = (
    "INSERT INTO people VALUES (1, 'Zwartkruis', NULL)",
    "INSERT INTO people VALUES (1, 'Zwartkruis', 'x'), (1, 'Zwartkruis', 'x')",
    "INSERT INTO people VALUES (2, 'Zwartkruis', 'much too long')",
    "SELECT 'Zwartkruis'::date",
    "SELECT 'Zwartkruis'::numeric",
    """SELECT '{"name": Zwartkruis}'::jsonb""",
    "SELECT FROM Zwartkruis",
    "DO $$ BEGIN RAISE EXCEPTION 'Zwartkruis' USING DETAIL = 'Zwartkruis', HINT = 'Zwartkruis'; END $$",
    "DO $$ BEGIN RAISE WARNING 'Zwartkruis'; END $$",
    "COPY people FROM PROGRAM 'echo Zwartkruis'",
)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "postgres", tmp_path / "logs" / "postgres.log", durable=False)
    yield server
    server.stop()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "postgres.log"


def let_fail(url: str) -> None:
    """Every way in which a statement's error names a value, as the owner and in another role."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (id int PRIMARY KEY, name text, note varchar(3) NOT NULL)")
        connection.execute("CREATE ROLE other")
        connection.execute("GRANT ALL ON people TO other")
        for role in ("acci", "other"):
            connection.execute(f"SET ROLE {role}".encode())
            failed = 0
            for statement in FAILING:
                try:
                    connection.execute(statement.encode())
                except psycopg.Error:
                    failed += 1
            with pytest.raises(psycopg.Error):
                connection.execute("INSERT INTO people VALUES (%s, %s, NULL)", (3, SECRET))
            with pytest.raises(psycopg.Error), connection.cursor().copy("COPY people FROM STDIN") as copy:
                copy.write(f"x\t{SECRET}\tx\n")
            assert failed == len(FAILING) - 1
            connection.execute("RESET ROLE")


def test_errors_put_no_values_into_the_log(fresh: EmbeddedServer, log: Path) -> None:
    let_fail(fresh.start(port=0))
    assert SECRET not in log.read_text()


def test_errors_put_no_values_into_the_log_with_older_data(fresh: EmbeddedServer, tmp_path: Path, log: Path) -> None:
    with psycopg.connect(fresh.start(port=0), autocommit=True) as connection:
        connection.execute("ALTER ROLE ALL RESET ALL")
        connection.execute("ALTER SYSTEM SET log_error_verbosity = 'verbose'")
    fresh.stop()
    let_fail(fresh.start(port=0))
    assert SECRET not in log.read_text()


def test_the_servers_own_processes_still_log(fresh: EmbeddedServer, log: Path) -> None:
    with psycopg.connect(fresh.start(port=0), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(str(fresh.running_url()), password="guessed")
    told = log.read_text()
    assert "ready to accept connections" in told
    assert "checkpoint complete" in told
    assert "password authentication failed" in told


def test_a_forgotten_transaction_is_ended_with_an_error(fresh: EmbeddedServer) -> None:
    url = fresh.start(port=0)
    with psycopg.connect(url) as forgetful, psycopg.connect(url, autocommit=True) as other:
        assert forgetful.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("15min",)
        forgetful.execute("SET idle_in_transaction_session_timeout = '10ms'")
        there = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        wait_for(lambda: not other.execute(there, (forgetful.info.backend_pid,)).fetchone(), 30, "it is ended")
        with pytest.raises(psycopg.Error) as caught:
            forgetful.execute("SELECT 1")
        assert isinstance(refusal_of(caught.value), IdleTooLong)
        assert is_transient(caught.value)


def test_the_log_is_for_its_owner_alone(fresh: EmbeddedServer, tmp_path: Path, log: Path) -> None:
    log.parent.mkdir()
    log.touch(mode=0o644)
    before = os.umask(0)
    try:
        fresh.start(port=0)
    finally:
        os.umask(before)
    assert log.stat().st_mode & 0o777 == 0o600
    for folder in (tmp_path / "postgres", tmp_path / "postgres" / "data"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_large_log_is_rotated_while_it_is_written_to(
    fresh: EmbeddedServer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh.start(port=0)
    monkeypatch.setattr(log_files, "LARGE", 10)
    log_files.rotate_large_logs(log.parent)
    aside = log.with_suffix(".old.log")
    assert "ready to accept connections" in aside.read_text()
    assert aside.stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, password="guessed")
    assert log.read_bytes().startswith(b"20"), "its next line is where the file begins"
    assert "password authentication failed" in log.read_text()
