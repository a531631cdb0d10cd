"""The high-water mark: who holds it, who does not, what it passes, and that it outlives a dump."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from acci.store.embedded import programs as embedded_programs
from acci.store.embedded.server import EmbeddedServer
from acci.store.log.high_water import establish, last
from acci.store.monitoring.status import read_status
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.migrations import migrate
from acci.store.projecting import batches
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.histories import append_probe, append_users, copy_probes, cut_log, differences, value
from tests.support.prefect_server import wait_for
from tests.support.servers import SharedServer

SOON = 0.02  # seconds to wait where no append is going to end


@pytest.fixture
def reader(database_url: str) -> Iterator[Connection]:
    with connect(database_url, "reader") as connection:
        yield connection


@pytest.fixture
def writer(database_url: str) -> Iterator[Connection]:
    with connect(database_url, "writer") as connection:
        yield connection


@pytest.fixture
def other(database_url: str) -> Iterator[Connection]:
    with connect(database_url, "other") as connection:
        yield connection


@contextmanager
def forgotten(connection: Connection) -> Iterator[int]:
    """A transaction that has appended and does not end; its position."""
    with connection.transaction(force_rollback=True):
        yield append_probe(connection, "forgotten")


def test_it_is_the_head_when_nobody_appends(reader: Connection, writer: Connection) -> None:
    assert establish(reader).position == 0
    positions = [append_probe(writer, f"stream-{number}") for number in range(3)]
    mark = establish(reader)
    assert (mark.position, mark.head, mark.holders) == (positions[-1], positions[-1], ())
    assert last(reader) == positions[-1]


def test_an_uncommitted_event_holds_it_and_is_named(reader: Connection, writer: Connection, other: Connection) -> None:
    before = append_probe(other, "before")
    establish(reader)
    began = value(reader, "SELECT clock_timestamp()")
    with forgotten(writer) as held:
        after = append_probe(other, "after")
        mark = establish(reader, SOON)
        assert before == mark.position < held < after == mark.head
        (holder,) = mark.holders
        assert holder.pid == writer.info.backend_pid
        assert "acci writer" in holder.who
        assert writer.info.user in holder.who
        assert holder.state == "idle in transaction"
        assert holder.since is not None
        assert began < holder.since < value(reader, "SELECT clock_timestamp()")
        assert read_status(reader, load(["acci.domain.users"])).high_water.holders == mark.holders
    assert establish(reader).position == after


def test_every_holder_is_named(reader: Connection, writer: Connection, other: Connection) -> None:
    with forgotten(writer), other.transaction(force_rollback=True):
        append_probe(other, "also-forgotten")
        mark = establish(reader, SOON)
    assert mark.position == 0
    assert [holder.pid for holder in mark.holders] == [writer.info.backend_pid, other.info.backend_pid]


def test_it_waits_only_for_appends_under_way(reader: Connection, writer: Connection, other: Connection) -> None:
    writer.autocommit = False
    held = append_probe(writer, "slow")
    with ThreadPoolExecutor() as threads:
        establishing = threads.submit(establish, reader, 60)
        asked = "SELECT query LIKE '%appending%' FROM pg_stat_activity WHERE application_name = 'acci reader'"
        wait_for(lambda: value(other, asked), 30, "the reader waits for the writer")
        with forgotten(other) as later:
            writer.commit()
            mark = establishing.result()
            assert held == mark.position < later
            assert mark.holders == ()


@pytest.mark.parametrize(
    "work",
    [
        "CREATE TABLE elsewhere AS SELECT 1 AS one",
        "SELECT count(*) FROM acci.events",
        "LOCK TABLE acci.events IN ACCESS SHARE MODE",
        "SELECT acci.appending()",
        "UPDATE acci.generations SET advanced_at = now()",
    ],
)
def test_a_long_transaction_that_does_not_append_holds_nothing(
    reader: Connection, writer: Connection, other: Connection, work: str
) -> None:
    other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with other.transaction():
        other.execute("SELECT pg_current_xact_id()")
        other.execute(work.encode())
        for number in range(3):
            position = append_probe(writer, f"stream-{number}")
            mark = establish(reader, patience=0)
            assert (mark.position, mark.holders) == (position, ())


def test_it_passes_the_holes_of_rolled_back_appends(reader: Connection, writer: Connection) -> None:
    first = append_probe(writer, "first")
    for number in range(5):
        with writer.transaction(force_rollback=True):
            append_probe(writer, f"never-{number}")
    mark = establish(reader, patience=0)
    assert (mark.position, mark.holders) == (first + 5, ())
    assert append_probe(writer, "next") == first + 6
    with pytest.raises(psycopg.errors.UniqueViolation):
        append_probe(writer, "first")
    assert establish(reader, patience=0).position == first + 7


def test_an_append_under_a_savepoint_holds_it(reader: Connection, writer: Connection) -> None:
    with writer.transaction():
        with writer.transaction(force_rollback=True):
            hole = append_probe(writer, "undone")
        assert establish(reader, SOON).position == hole, "nothing of it can appear any more"
        with writer.transaction():
            position = append_probe(writer, "kept")
        assert establish(reader, SOON).position == hole
        with writer.transaction(force_rollback=True):
            append_probe(writer, "undone")
        assert establish(reader, SOON).position == hole, "the event of the released savepoint can still appear"
    assert establish(reader).position == position + 1


def test_copy_holds_it_until_it_is_committed(reader: Connection, writer: Connection) -> None:
    seen = []

    def ids() -> Iterator[str]:
        for number in range(2000):
            if number == 1999:  # the first rows have been sent and stored by now
                seen.append(establish(reader, SOON))
            yield f"00000000-0000-0000-0000-{number:012}"

    with writer.transaction():
        copy_probes(writer, ids(), "copied")
        seen.append(establish(reader, SOON))
    assert [mark.position for mark in seen] == [0, 0]
    assert 0 < seen[0].head <= seen[1].head == 2000
    assert {holder.pid for mark in seen for holder in mark.holders} == {writer.info.backend_pid}
    assert establish(reader).position == 2000


@pytest.fixture(scope="module")
def preparing_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of a server that allows prepared transactions; the usual one does not."""
    folder = tmp_path_factory.mktemp("preparing")
    server = EmbeddedServer(folder / "postgres", folder / "log", durable=False)
    server.start(port=0)
    server.stop()
    with (folder / "postgres" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("max_prepared_transactions = 10\n")
    url = server.start(port=0)
    migrate(url)
    yield url
    server.stop()


def test_a_prepared_transaction_holds_it_and_is_named(preparing_url: str) -> None:
    with connect(preparing_url, "writer") as writer, connect(preparing_url, "reader") as reader:
        start = establish(reader).position
        writer.autocommit = False
        writer.tpc_begin("left behind")
        held = append_probe(writer, "prepared")
        before = value(reader, "SELECT holders FROM acci.high_water_candidate()")
        writer.tpc_prepare()
        assert value(reader, "SELECT acci.appending()") == before, "who was seen appending is the same when prepared"

        mark = establish(reader, SOON)
        assert (mark.position, mark.head) == (start, held)
        (holder,) = mark.holders
        assert (holder.pid, holder.state) == (None, "prepared")
        assert "left behind" in holder.who
        assert holder.since is not None

        writer.tpc_commit()
        assert establish(reader).position == held


def test_a_mark_beyond_a_restored_log_is_not_believed(
    reader: Connection, writer: Connection, other: Connection
) -> None:
    """The log alone was brought back from an older backup; positions are drawn again."""
    for number in range(10):
        append_probe(writer, f"stream-{number}")
    assert establish(reader).position == 10
    cut_log(writer, after=4)
    assert last(reader) == 0
    with forgotten(writer) as held:
        append_probe(other, "after")
        mark = establish(reader, SOON)
        assert (mark.position, held, mark.head) == (0, 5, 6)
    assert establish(reader).position == 6
    assert last(reader) == 6


def test_it_outlives_dump_and_restore(database_url: str, server: SharedServer, tmp_path: Path) -> None:
    catalogue = load(["acci.domain.users"])
    users = catalogue.projection("user_view")
    with connect(database_url, "writer") as writer, connect(database_url, "other") as other:
        append_users(writer, 50)
        build.rebuild(writer, catalogue, users)
        append_users(writer, 50, first=51)
        mark = establish(writer).position
        with forgotten(other):
            append_users(writer, 50, first=101)
            events = value(writer, "SELECT count(*) FROM acci.events")
            programs = embedded_programs.programs()
            dump = tmp_path / "dump"
            subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, database_url], check=True)
    with server.database(template="template1") as restored_url:
        subprocess.run([programs / "pg_restore", "--exit-on-error", "-d", restored_url, dump], check=True)
        with connect(restored_url, "restored") as restored:
            assert value(restored, "SELECT count(*) FROM acci.events") == events
            assert last(restored) == mark
            now = establish(restored)
            assert now.position == now.head == value(restored, "SELECT max(position) FROM acci.events")
            append_users(restored, 50, first=151)
            done = batches.catch_up(restored, catalogue, users, batch_size=100)
            assert done.checkpoint == establish(restored).position > now.position
            assert differences(restored, "user_rows", "read.user_view") == 0
            assert migrate(restored_url) == []
