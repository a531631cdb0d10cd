"""The places of a rebuild, a rollback and a backfill: between any two statements that matter, something may happen."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from acci.domain.projections import Projection
from acci.store.backfilling import backfill as backfilling
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations, lifecycle
from acci.store.postgres.database import connect
from acci.store.rebuilding import build, gate, publish, rollback
from acci.store.rebuilding.fill_order import in_one_pass
from acci.store.registry import Catalogue
from tests.support.cutting import When
from tests.support.histories import append_orders


@dataclass(frozen=True)
class Place:
    """A moment of a run: just before, or just after, the statement by which all `marks` were seen in this order."""

    name: str
    when: When
    marks: tuple[bytes, ...]
    publishing: bool = False  # the live generation is locked here, for a moment

    def __str__(self) -> str:
        return self.name


COMMIT = b"COMMIT"
FILL, FILLED = b"INSERT INTO generation_", b"UPDATE acci.partitions"
CHECKED, VIEW = b"INSERT INTO acci.builds", b"CREATE OR REPLACE VIEW"
REBUILD = (
    Place("begin: the generation is entered", "after", (b"INSERT INTO acci.generations",)),
    Place("begin: its table is made", "after", (b"INSERT INTO acci.partitions",)),
    Place("begin: committed, and nobody heard", "after", (b"INSERT INTO acci.partitions", COMMIT)),
    Place("fill: the partition is taken", "after", (b"FOR UPDATE SKIP LOCKED",)),
    Place("fill: rows are there, not committed", "after", (FILL,)),
    Place("fill: committed, and nobody heard", "after", (FILLED, COMMIT)),
    Place("fill: the next partition, half-way", "after", (FILLED, FILL)),
    Place("finish: indexes are made", "after", (b"ADD CONSTRAINT",)),
    Place("finish: committed, and nobody heard", "after", (CHECKED, COMMIT)),
    Place("finish: before statistics", "before", (CHECKED, b"ANALYZE")),
    Place("check: before totals are counted", "before", (CHECKED, b"trim_scale")),
    Place("publish: before anything is locked", "before", (b"ORDER BY generation",)),
    Place("publish: both generations are locked", "after", (b"ORDER BY generation",), publishing=True),
    Place("publish: the last events are applied", "after", (b"MERGE INTO generation_",), publishing=True),
    Place("publish: before the view is replaced", "before", (VIEW,), publishing=True),
    Place("publish: before the commit", "before", (VIEW, COMMIT), publishing=True),
    Place("publish: committed, and nobody heard", "after", (VIEW, COMMIT)),
    Place("retain: before the table is vacuumed", "before", (b"VACUUM",)),
    Place("retain: the old table is dropped, not committed", "after", (b"DROP SCHEMA",)),
)
ROLLBACK = (
    Place("rollback: the last events are applied", "after", (b"MERGE INTO generation_",)),
    Place("rollback: before the commit", "before", (VIEW, COMMIT)),
    Place("rollback: committed, and nobody heard", "after", (VIEW, COMMIT)),
)
BACKFILL = (
    Place("backfill: its chunks are cut, not committed", "after", (b"INSERT INTO acci.backfill_chunks",)),
    Place("backfill: a chunk is derived, not committed", "after", (b"SET state = 'done', rows",)),
    Place("backfill: a chunk is committed, and nobody heard", "after", (b"SET state = 'done', rows", COMMIT)),
)

Run = Callable[[str, Catalogue, type[Projection]], None]


def rebuild(url: str, catalogue: Catalogue, projection: type[Projection]) -> None:
    """As the flow does it: each step with a connection of its own, in two partitions, one old generation kept.

    An order arrives before the gate.
    """
    with connect(url, "turn") as turn, generations.exclusive_run(turn, projection.name, "rebuild"):
        with connect(url, "begin") as connection:
            generation, partitions = build.begin(connection, catalogue, projection, 2)
        for piece in in_one_pass(partitions):
            with connect(url, "fill") as connection:
                build.fill(connection, projection, generation, piece)
        with connect(url, "finish") as connection:
            finished = publish.come_near(connection, projection, build.finish(connection, projection, generation))
        with connect(url, "append") as connection:
            append_orders(connection, 1, f"{uuid4()}-")  # for the swap to apply
        with connect(url, "check") as connection:
            gate.inspect(connection, catalogue, projection, finished).require()
        with connect(url, "publish") as connection:
            publish.publish(connection, projection, finished)
        with connect(url, "retain") as connection:
            lifecycle.vacuum(connection, finished)
            lifecycle.retain(connection, projection.name, 1)


def roll_back(url: str, catalogue: Catalogue, projection: type[Projection]) -> None:
    """Back to generation 1, unless it is live."""
    with connect(url, "rollback") as connection:
        live = generations.live(connection, projection.name)
        if live is None or live.generation != 1:
            rollback.roll_back(connection, catalogue, projection, 1)


def backfill(url: str, catalogue: Catalogue, projection: type[Projection]) -> None:
    """All of it, in chunks of three keys."""
    with connect(url, "backfill") as connection:
        begun = backfilling.begin(connection, catalogue, projection, Choice(), 3)
        backfilling.run_chunks(connection, catalogue, projection, begun)


RUNS: tuple[tuple[Place, Run], ...] = (
    *((place, rebuild) for place in REBUILD),
    *((place, roll_back) for place in ROLLBACK),
    *((place, backfill) for place in BACKFILL),
)
