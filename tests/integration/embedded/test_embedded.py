"""The embedded server: start, stop, find again, and what stands in its way."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from acci.store.database_url import database_url
from acci.store.embedded import server as embedded
from acci.store.embedded.ports import PortTaken, free_port, is_alive
from acci.store.embedded.server import EmbeddedServer, NoDatabase
from acci.store.settings import Settings
from tests.support.prefect_server import wait_for
from tests.support.servers import SharedServer


@pytest.fixture
def fresh(tmp_path: Path) -> EmbeddedServer:
    return EmbeddedServer(tmp_path / "postgres", tmp_path / "postgres.log", durable=False)


def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "postgres" / "data" / "postmaster.pid"


def test_data_survive_stop_and_start(fresh: EmbeddedServer) -> None:
    with psycopg.connect(fresh.start(port=0)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    fresh.stop()
    assert fresh.running_url() is None
    try:
        with psycopg.connect(fresh.start(port=0)) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        fresh.stop()


def test_starting_a_running_server_gives_the_same_server(fresh: EmbeddedServer, tmp_path: Path) -> None:
    try:
        url = fresh.start(port=0)
        before = pid_file(tmp_path).read_text()
        assert fresh.start(port=free_port()) == url == fresh.running_url()
        assert pid_file(tmp_path).read_text() == before
    finally:
        fresh.stop()


def test_the_server_outlives_a_killed_starter(fresh: EmbeddedServer, tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from acci.store.embedded.server import EmbeddedServer;"
        "folder = pathlib.Path(sys.argv[1]);"
        "EmbeddedServer(folder / 'postgres', folder / 'postgres.log', durable=False).start(port=0);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    try:
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
        assert done.returncode == -signal.SIGKILL
        url = fresh.running_url()
        assert url is not None
        assert fresh.start(port=0) == url
    finally:
        fresh.stop()


def test_a_server_found_while_it_recovers_is_waited_for(fresh: EmbeddedServer) -> None:
    try:
        with psycopg.connect(fresh.start(port=0), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n integer)")
        for _ in range(3):
            with psycopg.connect(fresh.start(port=0), autocommit=True) as connection:
                connection.execute("INSERT INTO kept SELECT generate_series(1, 300_000)")
                backend = connection.info.backend_pid
                os.kill(backend, signal.SIGKILL)
                wait_for(lambda: not Path(f"/proc/{backend}").exists(), 30, "its process has died")  # noqa: B023
        with psycopg.connect(fresh.start(port=0)) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (900_000,)
    finally:
        fresh.stop()


def test_a_killed_server_starts_again_with_what_was_committed(fresh: EmbeddedServer, tmp_path: Path) -> None:
    with psycopg.connect(fresh.start(port=0)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    postmaster = int(pid_file(tmp_path).read_text().split("\n")[0])
    os.kill(postmaster, signal.SIGKILL)
    wait_for(lambda: fresh.running_url() is None, 30, "the server has died")
    try:
        with psycopg.connect(fresh.start(port=0)) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        fresh.stop()


def test_a_pid_file_that_names_another_program_is_stale(fresh: EmbeddedServer, tmp_path: Path) -> None:
    fresh.start(port=0)
    lines = pid_file(tmp_path).read_text().splitlines()
    fresh.stop()
    pid_file(tmp_path).write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert fresh.running_url() is None
    try:
        url = fresh.start(port=0)
        assert fresh.running_url() == url
    finally:
        fresh.stop()


def test_a_taken_port_is_named_with_the_way_out(fresh: EmbeddedServer) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {taken} is taken .* --database-port"):
            fresh.start(port=taken)
    assert fresh.running_url() is None


def test_an_interrupted_initdb_is_started_over(fresh: EmbeddedServer, tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    try:
        assert fresh.start(port=0) == fresh.running_url()
    finally:
        fresh.stop()


def test_the_password_is_required(server: SharedServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url, password="guessed")


def test_data_and_password_are_closed_to_others(server: SharedServer, fresh: EmbeddedServer, tmp_path: Path) -> None:
    fresh.start(port=0)
    fresh.stop()
    for name in ("data", "password"):
        assert (tmp_path / "postgres" / name).stat().st_mode & 0o077 == 0


def test_stopping_a_server_that_never_ran_does_nothing(fresh: EmbeddedServer) -> None:
    fresh.stop()
    assert fresh.running_url() is None


def test_letter_case_is_known_beyond_ascii(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT 'É' ILIKE 'é', lower('ÀÇ')").fetchone() == (True, "àç")


def test_without_a_database_the_sentence_says_how_to_get_one(tmp_path: Path) -> None:
    settings = Settings.from_environment({"ACCI_HOME": str(tmp_path)})
    with pytest.raises(NoDatabase, match="acci up"):
        database_url(settings)


def test_a_named_database_is_taken_as_it_is(tmp_path: Path) -> None:
    named = "postgresql://somewhere/else"
    settings = Settings.from_environment({"ACCI_HOME": str(tmp_path), "ACCI_DATABASE_URL": named})
    assert database_url(settings) == named


def test_a_stop_that_would_never_end_ends(
    fresh: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server process that ignores signals prevents a fast stop; an immediate stop works."""
    monkeypatch.setattr(embedded, "FAST", 1)
    fresh.start(port=0)
    postmaster = psutil.Process(int(pid_file(tmp_path).read_text().split("\n")[0]))
    for process in postmaster.children():
        with suppress(psutil.NoSuchProcess):  # a worker may end between the list and the signal
            process.suspend()
    fresh.stop()
    assert not is_alive(postmaster.pid)
    with psycopg.connect(fresh.start(port=0)) as connection:
        assert connection.execute("SELECT 42").fetchone() == (42,)
    fresh.stop()


def test_a_stop_at_the_start_of_a_recovery_ends(fresh: EmbeddedServer) -> None:
    for _ in range(3):
        with psycopg.connect(fresh.start(port=0), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
            connection.execute("INSERT INTO kept SELECT generate_series(1, 100_000)")
            os.kill(connection.info.backend_pid, signal.SIGKILL)
        fresh.stop()
        assert fresh.running_url() is None
