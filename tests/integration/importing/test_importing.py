"""Imports: all or nothing, or part by part; no line twice and none half stored, after any failure."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from acci.domain.events import Event, EventMetadata, StreamId
from acci.domain.users.events import UserCreated, UserUpdated
from acci.store.importing.importer import Imported, Importer
from acci.store.importing.mapping import load_mapping
from acci.store.importing.problems import AlreadyImported, BadLines, ImportBegun, ImportRunning, UnreadableFile
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue, load
from tests.support.shell import CHECKOUT, acci, command

MAPPING = """
tenant_id = "tenant"
aggregate_type = { constant = "User" }
aggregate_id = "user"
event_type = "kind"
timestamp = "at"
user_id = "by"
data = "payload"
"""
START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["acci.domain.users"])


@pytest.fixture
def importer(database_url: str, catalogue: Catalogue, tmp_path: Path) -> Importer:
    return made(database_url, catalogue, tmp_path)


def made(database_url: str, catalogue: Catalogue, folder: Path, extra: str = "") -> Importer:
    (folder / "mapping.toml").write_text(extra + MAPPING)
    return Importer(database_url, catalogue, load_mapping(folder / "mapping.toml", catalogue), bad_limit=3)


def quiet(_offset: int, _doing: str) -> None:
    pass


def line(number: int, user: str = "", **changes: Any) -> dict[str, Any]:
    """A line of the file: the user's creation, or if `user` says whose, a later change of theirs."""
    kind = "UserUpdated" if user else "UserCreated"
    return {
        "tenant": "acme",
        "user": user or f"u{number}",
        "kind": kind,
        "at": (START + timedelta(minutes=number)).isoformat(),
        "by": "clerk",
        "payload": {"email": f"{number}@b", "name": f"Ann {number}"},
    } | changes


def history(count: int) -> list[dict[str, Any]]:
    """Users and their changes, in order: a tenth of the lines are creations."""
    random_ = random.Random(count)
    users = max(count // 10, 1)
    return [line(number, f"u{random_.randrange(users)}" if number >= users else "") for number in range(count)]


def written(folder: Path, lines: list[dict[str, Any]], name: str = "file.ndjson") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return path


@pytest.fixture
def rows(database_url: str) -> Iterator["Rows"]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Rows(connection)


class Rows:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def all(self) -> list[tuple[Any, ...]]:
        """(user, version, name) in the order of the log."""
        return self._connection.execute(
            "SELECT aggregate_id, version, data ->> 'name' FROM acci.events ORDER BY position"
        ).fetchall()

    def wrong_streams(self) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            "SELECT aggregate_id FROM acci.events GROUP BY tenant_id, aggregate_id "
            "HAVING min(version) <> 1 OR max(version) <> count(*)"
        ).fetchall()

    def ledger(self) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            "SELECT file, lines, events, bad_lines, finished_at IS NOT NULL FROM acci.imports"
        ).fetchall()


def expected(lines: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    versions: dict[str, int] = {}
    rows = []
    for each in lines:
        versions[each["user"]] = versions.get(each["user"], 0) + 1
        rows.append((each["user"], versions[each["user"]], each["payload"]["name"]))
    return rows


def store_whole(importer: Importer, path: Path) -> Imported:
    return importer.import_whole(path, quiet)


def store_in_parts(importer: Importer, path: Path) -> Imported:
    return importer.import_in_parts(path, quiet, 7)


BOTH = pytest.mark.parametrize("store", [store_whole, store_in_parts])


@BOTH
def test_lines_become_events_in_their_order(importer: Importer, rows: Rows, tmp_path: Path, store: Any) -> None:
    lines = history(100)
    done = store(importer, written(tmp_path, lines))
    assert (done.lines, done.events, done.new_events, done.bad_lines) == (100, 100, 100, 0)
    assert rows.all() == expected(lines)
    assert rows.ledger() == [("file.ndjson", 100, 100, 0, True)]


@BOTH
@pytest.mark.parametrize("count", [0, 1, 7, 14, 15])
def test_any_number_of_lines(importer: Importer, rows: Rows, tmp_path: Path, store: Any, count: int) -> None:
    lines = history(count)
    assert store(importer, written(tmp_path, lines)).events == count
    assert rows.all() == expected(lines)


def test_ordered_by_timestamp_the_file_may_be_in_any_order(
    database_url: str, catalogue: Catalogue, rows: Rows, tmp_path: Path
) -> None:
    lines = history(60)
    shuffled = random.Random(1).sample(lines, len(lines))
    importer = made(database_url, catalogue, tmp_path, 'order = "timestamp"\n')
    importer.import_whole(written(tmp_path, shuffled), quiet)
    assert rows.all() == expected(lines)


def test_ordering_by_timestamp_needs_all_lines_at_once(database_url: str, catalogue: Catalogue, tmp_path: Path) -> None:
    importer = made(database_url, catalogue, tmp_path, 'order = "timestamp"\n')
    with pytest.raises(UnreadableFile, match="leave --resume out"):
        importer.import_in_parts(written(tmp_path, history(3)), quiet)


def test_one_bad_line_means_nothing_is_stored(importer: Importer, rows: Rows, tmp_path: Path) -> None:
    lines = history(30)
    for number in (3, 9, 17, 25):
        lines[number]["payload"] = {"email": "a@b"}
    path = written(tmp_path, lines)
    with pytest.raises(BadLines) as caught:
        importer.import_whole(path, quiet)
    said = str(caught.value)
    assert said.startswith("file.ndjson: 4 lines cannot be stored, so nothing was.")
    assert "line 4: name: field required\n  line 10:" in said
    assert said.endswith("… and 1 more")
    assert (rows.all(), rows.ledger()) == ([], [])
    for number in (3, 9, 17, 25):
        lines[number]["payload"] = {"email": "a@b", "name": "Ann"}
    importer.import_whole(written(tmp_path, lines), quiet)
    assert rows.all() == expected(lines)


def test_in_parts_bad_lines_are_left_out_and_listed(importer: Importer, rows: Rows, tmp_path: Path) -> None:
    lines = history(30)
    for number in (3, 9, 17, 25):
        lines[number]["at"] = "yesterday"
    path = written(tmp_path, lines)
    done = importer.import_in_parts(path, quiet, 5)
    assert (done.lines, done.events, done.bad_lines) == (30, 26, 4)
    assert [each.number for each in done.rejected] == [4, 10, 18]
    assert "'yesterday' is not a timestamp" in done.rejected[0].reason
    good = [each for each in lines if each["at"] != "yesterday"]
    assert rows.all() == expected(good)
    assert importer.import_in_parts(path, quiet, 5).rejected == done.rejected


def test_a_dry_run_stores_nothing(importer: Importer, rows: Rows, tmp_path: Path) -> None:
    lines = [*history(5), line(9, payload={})]
    done = importer.check(written(tmp_path, lines), quiet)
    assert (done.events, done.new_events, done.bad_lines) == (5, 0, 1)
    assert (rows.all(), rows.ledger()) == ([], [])


def test_the_same_content_is_not_stored_again(importer: Importer, rows: Rows, tmp_path: Path) -> None:
    lines = history(10)
    store_whole(importer, written(tmp_path, lines))
    copy = written(tmp_path, lines, "copy.ndjson")
    with pytest.raises(AlreadyImported, match=r"copy\.ndjson has been imported already, as file\.ndjson on 20.*10 ev"):
        store_whole(importer, copy)
    done = store_in_parts(importer, copy)
    assert (done.events, done.new_events) == (10, 0)
    assert rows.all() == expected(lines)


@BOTH
def test_versions_continue_those_of_existing_streams(
    importer: Importer, rows: Rows, tmp_path: Path, store: Any
) -> None:
    first, second = history(20), [line(100 + number, f"u{number % 2}") for number in range(10)]
    store(importer, written(tmp_path, first))
    store(importer, written(tmp_path, second, "more.ndjson"))
    assert rows.all() == expected([*first, *second])
    assert rows.wrong_streams() == []


def test_an_interrupted_import_resumes(importer: Importer, rows: Rows, tmp_path: Path) -> None:
    """Cut off by an error between any two of its parts."""
    lines = history(40)
    lines[5]["kind"] = "UserMade"
    path = written(tmp_path, lines)

    class CutOff(Exception):
        pass

    stored = -1
    for _ in range(20):
        try:
            done = importer.import_in_parts(path, cutting_off(rows, CutOff), 6)
            break
        except CutOff:
            with pytest.raises(ImportBegun, match="go on with --resume"):
                importer.import_whole(path, quiet)
            assert len(rows.all()) > stored
            stored = len(rows.all())
    else:
        pytest.fail("it never ended")
    assert stored > 0
    assert (done.lines, done.events, done.bad_lines) == (40, 39, 1)
    assert rows.all() == expected([*lines[:5], *lines[6:]])


def cutting_off(rows: Rows, error: type[Exception]) -> Any:
    """A progress callback that raises as soon as something new is stored."""
    before = len(rows.all())

    def progress(_offset: int, _doing: str) -> None:
        if len(rows.all()) > before:
            raise error

    return progress


def test_an_import_cannot_resume_with_another_mapping(
    importer: Importer, database_url: str, catalogue: Catalogue, rows: Rows, tmp_path: Path
) -> None:
    path = written(tmp_path, history(40))
    with pytest.raises(RuntimeError):
        importer.import_in_parts(path, cutting_off(rows, RuntimeError), 6)
    other = tmp_path / "other"
    other.mkdir()
    changed = made(database_url, catalogue, other, 'causation_id = "by"\n')
    with pytest.raises(ImportBegun, match="the mapping that it was begun with"):
        changed.import_in_parts(path, quiet, 6)


@pytest.mark.parametrize("moment", ["reading", "storing"])
def test_killed_before_the_end_nothing_is_stored(database_url: str, rows: Rows, tmp_path: Path, moment: str) -> None:
    """`kill -9` of an import that is all or nothing; the next one is as if there had been none."""
    lines = history(500)
    path = written(tmp_path, lines)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    program = f"""
import os, signal, sys
from pathlib import Path
from acci.store.registry import load
from acci.store.importing.importer import Importer
from acci.store.importing.mapping import load_mapping
catalogue = load(["acci.domain.users"])
def progress(offset, doing):
    if offset and doing == {moment!r}:
        os.kill(os.getpid(), signal.SIGKILL)
mapping = load_mapping(Path(sys.argv[2]), catalogue)
Importer({database_url!r}, catalogue, mapping).import_whole(Path(sys.argv[1]), progress)
"""
    done = subprocess.run([sys.executable, "-c", program, path, tmp_path / "mapping.toml"], cwd=CHECKOUT, check=False)
    assert done.returncode == -9
    assert (rows.all(), rows.ledger()) == ([], [])
    again = acci("import", path, "--mapping", tmp_path / "mapping.toml", ACCI_DATABASE_URL=database_url)
    assert again.stdout == "file.ndjson: 500 events stored.\n"
    assert rows.all() == expected(lines)


@pytest.mark.parametrize("kills", [5])
def test_a_killed_import_resumes(database_url: str, rows: Rows, tmp_path: Path, kills: int) -> None:
    """`kill -9` at any moment: after the last run every line is there once."""
    lines = history(4000)
    path = written(tmp_path, lines)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    arguments = ["import", path, "--mapping", tmp_path / "mapping.toml", "--resume", "--part", "50"]
    environment = {"ACCI_DATABASE_URL": database_url}
    killed = 0
    for _ in range(100):
        before = len(rows.all())
        process = start(arguments, environment)
        if killed < kills:
            wait_until_more(rows, before, process)
            time.sleep(random.Random(killed).uniform(0, 0.05))
            process.kill()
        _, said = process.communicate()
        killed += process.returncode == -9
        if process.returncode == 0:
            break
        assert process.returncode == -9 or "imported by another process" in said, said
    else:
        pytest.fail("it never ended")
    assert killed == kills
    assert rows.all() == expected(lines)
    assert rows.ledger() == [("file.ndjson", 4000, 4000, 0, True)]


def start(arguments: list[Any], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(arguments), env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until_more(rows: Rows, before: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while len(rows.all()) == before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_two_imports_of_one_file_exclude_each_other(importer: Importer, rows: Rows, tmp_path: Path) -> None:
    """The second finds the file taken; it may come again."""
    path = written(tmp_path, history(200))
    taken = threading.Event()
    told = threading.Event()

    def waiting(_offset: int, _doing: str) -> None:
        taken.set()
        assert told.wait(60)

    first = threading.Thread(target=lambda: importer.import_in_parts(path, waiting, 50))
    first.start()
    assert taken.wait(60)
    for store in (store_whole, store_in_parts):
        with pytest.raises(ImportRunning):
            store(importer, path)
    told.set()
    first.join()
    assert rows.all() == expected(history(200))


def test_a_live_writer_on_the_same_streams(
    importer: Importer, database_url: str, catalogue: Catalogue, rows: Rows, tmp_path: Path
) -> None:
    """Versions that another writer took meanwhile are not taken twice."""
    stop = threading.Event()

    def write() -> None:
        with Database(database_url) as database:
            store = EventStore(database, catalogue)
            stream = StreamId("acme", "User", "u0")
            while not stop.is_set():
                version = store.version(stream)
                data = UserUpdated(email="x@y", name="live") if version else UserCreated(email="x@y", name="live")
                try:
                    store.append(stream, version, [event(stream, version + 1, data)])
                except Exception as error:  # noqa: BLE001 the other way round the writer loses
                    assert type(error).__name__ == "ConcurrencyError"  # noqa: PT017 in a thread

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(10):
            lines = [line(number * 100 + each, "u0") for each in range(20)]
            importer.import_in_parts(written(tmp_path, lines, f"{number}.ndjson"), quiet, 3)
    finally:
        stop.set()
        writer.join()
    assert rows.wrong_streams() == []
    assert sum(name != "live" for _, _, name in rows.all()) == 200


def event(stream: StreamId, version: int, data: UserCreated | UserUpdated) -> Event[Any]:
    metadata = EventMetadata(stream.tenant_id, "test")
    return Event(uuid4(), stream.aggregate_id, stream.aggregate_type, data.event_type(), version, data, metadata, START)


def test_the_log_is_locked_only_while_storing(importer: Importer, database_url: str, tmp_path: Path) -> None:
    """Reading and staging a large file holds no inserter's lock: the high-water mark moves on."""
    path = written(tmp_path, history(2000))
    appending: list[int] = []
    with psycopg.connect(database_url, autocommit=True) as connection:

        def progress(_offset: int, doing: str) -> None:
            (held,) = connection.execute("SELECT cardinality(acci.appending())").fetchone() or (None,)
            if doing == "reading":
                appending.append(held)

        importer.import_whole(path, progress)
    assert appending
    assert set(appending) == {0}


def test_a_file_that_changes_while_it_is_read(importer: Importer, rows: Rows, tmp_path: Path) -> None:
    path = written(tmp_path, history(50))

    def progress(offset: int, _doing: str) -> None:
        if offset:
            with path.open("a") as file:
                file.write(json.dumps(line(999)) + "\n")

    with pytest.raises(UnreadableFile, match="it changed while it was read"):
        importer.import_whole(path, progress)
    assert (rows.all(), rows.ledger()) == ([], [])


def test_a_csv_whose_columns_the_mapping_does_not_know(importer: Importer, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("tenant,user,kind,at,by\n")
    with pytest.raises(UnreadableFile, match=r"the mapping names column 'payload'; the file has tenant, user"):
        importer.import_whole(path, quiet)


def test_a_file_name_without_a_known_format_is_refused(importer: Importer, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="its name shows no format"):
        importer.import_whole(written(tmp_path, history(1), "file.txt"), quiet)
