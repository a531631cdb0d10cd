"""Several read models built from one log: what they share is read once, not once for each of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from acci.domain.projections import Projection
from acci.store.embedded.server import EmbeddedServer
from acci.store.generations import generations, lifecycle
from acci.store.generations.generations import Partition
from acci.store.log.positions import end_of_stride
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.migrations import migrate
from acci.store.rebuilding import new_generation
from acci.store.rebuilding.partitions import in_one_pass
from acci.store.registry import Catalogue
from tests.domains.orders import CONTEXT, DailySales
from tests.support.histories import append_orders, value

NAMES = ("FirstSales", "SecondSales", "ThirdSales")
STRIDE = 10_000  # positions; a range of so many is in memory for a moment, the log is not


@pytest.fixture
def forgetful_url(tmp_path: Path) -> Iterator[str]:
    """A database on a server whose memory holds a small part of the log."""
    server = EmbeddedServer(tmp_path / "postgres", tmp_path / "log", durable=False)
    try:
        with connect(server.start(port=0), "test") as connection:
            connection.execute("ALTER SYSTEM SET shared_buffers = '6MB'")
            connection.execute("ALTER SYSTEM SET autovacuum = off")  # it reads the log, too
        server.stop()
        url = server.start(port=0)
        migrate(url)
        yield url
    finally:
        server.stop()


@pytest.fixture
def fleet(tmp_path: Path) -> Catalogue:
    """Three read models of the same events."""
    rules = {"key": DailySales.key, "placed": DailySales.placed}
    projections: list[type[Projection]] = [type(name, (Projection,), rules) for name in NAMES]
    table = (CONTEXT.sql / "read_models" / "daily_sales.sql").read_text()
    (tmp_path / "read_models").mkdir()
    for projection in projections:
        file = tmp_path / "read_models" / f"{projection.name}.sql"
        file.write_text(table.replace("daily_sales", projection.name))
    return Catalogue((replace(CONTEXT, sql=tmp_path, projections=tuple(projections)),))


def blocks_read(
    connection: Connection, url: str, fleet: Catalogue, order: Callable[[list[Partition]], list[Partition]]
) -> int:
    """How many blocks of the log had to be fetched while all read models were filled in that order."""
    partitions: list[Partition] = []
    for projection in fleet.projections.values():
        partitions += new_generation.begin(connection, fleet, projection, 1)[1]
    told(connection)
    connection.execute("SELECT pg_stat_reset()")
    for piece in order(partitions):
        with connect(url, "fill") as mine:
            generation = generations.one(mine, piece.generation)
            new_generation.fill(mine, fleet.projection(generation.projection), generation, piece, stride=STRIDE)
            told(mine)
    for each in {part.generation for part in partitions}:
        lifecycle.discard(connection, generations.one(connection, each))
    read = "SELECT heap_blks_read FROM pg_statio_all_tables WHERE relid = 'acci.events'::regclass"
    return int(value(connection, read))


def told(connection: Connection) -> None:
    """Have the server count now what this session read; of itself it does so some time later."""
    connection.execute("SELECT pg_stat_force_next_flush()")


def test_shared_ranges_are_read_in_one_pass(forgetful_url: str, fleet: Catalogue) -> None:
    with connect(forgetful_url, "test") as connection:
        append_orders(connection, 120_000)
        connection.execute("VACUUM ANALYZE acci.events")
        log = int(value(connection, "SELECT pg_relation_size('acci.events') / 8192"))
        assert log > 3 * 768, "more than three times the server's memory"

        def in_strides(them: list[Partition]) -> list[Partition]:
            return in_one_pass(them, partial(end_of_stride, connection), STRIDE)

        each_by_itself = blocks_read(connection, forgetful_url, fleet, lambda them: them)
        in_ranges = blocks_read(connection, forgetful_url, fleet, in_strides)

    assert 0.9 < each_by_itself / (len(NAMES) * log) < 1.5
    assert in_ranges < 1.5 * log
