"""A disk that is full, to the last byte: a small one, mounted for the test, with a PostgreSQL of its own on it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from acci.domain.errors import AcciError
from acci.store.commands.handler import CommandHandler
from acci.store.embedded.server import EmbeddedServer
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.migrations import migrate
from acci.store.postgres.refusals import is_transient
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.domains.ledger import CONTEXT, Open, Pay, command
from tests.support.histories import append_users, value
from tests.support.prefect_server import wait_for
from tests.support.read_models import CONTEXTS, live, live_with_users, rows_of, wrong_rows

CATALOGUE, LEDGER = load(CONTEXTS), Catalogue((CONTEXT,))
USERS = CATALOGUE.projection("user_view")
SIZE = "160m"
BLOCK = bytes(1 << 20)


class SmallDisk:
    """A disk in memory; `ballast` takes up all that is left of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @contextmanager
    def full(self) -> Iterator[None]:
        with self._ballast.open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(BLOCK)
        try:
            yield
        finally:
            self._ballast.unlink()


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["/usr/bin/env", "umount", folder], check=True)


@pytest.fixture(scope="module")
def server(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    embedded = EmbeddedServer(disk.folder / "postgres", tmp_path_factory.mktemp("log") / "log", durable=False)
    try:
        migrate(embedded.start(port=0))
        yield embedded
    finally:
        embedded.stop()


@pytest.fixture
def connection(server: EmbeddedServer) -> Iterator[Connection]:
    with connect(server.start(port=0), "test") as opened:
        yield opened


def test_appending(server: EmbeddedServer, disk: SmallDisk, connection: Connection) -> None:
    """Acknowledged commands are stored; refused ones are not, and may be sent again."""
    with Database(server.start(), 1, "append") as database:
        handler = CommandHandler(EventStore(database, LEDGER), LEDGER)
        acknowledged = len(handler.handle(command(Open(account="a", holder="Ann"))))
        with disk.full():
            refused, sent = None, command(Pay(account="a", amount=Decimal(1)))
            while refused is None:
                sent = command(Pay(account="a", amount=Decimal(1)))
                try:
                    acknowledged += len(handler.handle(sent))
                except psycopg.errors.DiskFull as error:
                    refused = error
            assert not is_transient(refused)
            assert value(connection, "SELECT count(*) FROM acci.events WHERE aggregate_id = 'a'") == acknowledged
        (paid,) = handler.handle(sent)
        assert paid.version == acknowledged + 1
        assert handler.handle(sent) == (paid,)


def test_catching_up_and_rebuilding(disk: SmallDisk, connection: Connection) -> None:
    """Readers see the same rows as before; no event becomes a dead letter."""
    live_with_users(connection, CATALOGUE, USERS, 50)
    append_users(connection, 2_000, 51)
    before, seen = live(connection, USERS), rows_of(connection, USERS)
    with disk.full():
        for work in (catch_up, build.rebuild):
            with pytest.raises(psycopg.errors.DiskFull):
                work(connection, CATALOGUE, USERS)
            assert live(connection, USERS) == before
            assert rows_of(connection, USERS) == seen
    catch_up(connection, CATALOGUE, USERS)
    assert wrong_rows(connection, USERS) == 0
    build.rebuild(connection, CATALOGUE, USERS)
    assert wrong_rows(connection, USERS) == 0
    assert value(connection, "SELECT count(*) FROM acci.dead_letters") == 0


def test_no_room_for_the_write_ahead_log(server: EmbeddedServer, disk: SmallDisk) -> None:
    """PostgreSQL stops then, and restarts when there is room: with everything that was acknowledged."""
    url = server.start(port=0)
    acknowledged, sent = 0, command(Open(account="b", holder="Bob"))
    with Database(url, 1, "append") as database, connect(url, "other") as other:
        build.rebuild(other, CATALOGUE, USERS)
        handler = CommandHandler(EventStore(database, LEDGER), LEDGER, tries=1)
        acknowledged += len(handler.handle(sent))
        with disk.full(), suppress(psycopg.OperationalError, AcciError):
            while True:
                other.execute("SELECT pg_switch_wal()")
                sent = command(Pay(account="b", amount=Decimal(1)))
                acknowledged += len(handler.handle(sent))

    def is_back() -> bool:
        with suppress(psycopg.OperationalError, AcciError):
            return bool(server.start(port=0))
        return False

    wait_for(is_back, 60, "PostgreSQL has recovered")
    url = server.start(port=0)
    with Database(url, 1, "append") as database, connect(url, "test") as again:
        stored = value(again, "SELECT count(*) FROM acci.events WHERE aggregate_id = 'b'")
        assert acknowledged <= stored <= acknowledged + 1, "the last one may be stored, and nobody heard"
        handler = CommandHandler(EventStore(database, LEDGER), LEDGER)
        assert [event.version for event in handler.handle(sent)] == [acknowledged + 1]
        catch_up(again, CATALOGUE, USERS)
        assert wrong_rows(again, USERS) == 0
