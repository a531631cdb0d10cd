"""The places at which a rebuild, a rollback or a backfill may be cut off: between any two statements that matter."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from uuid import uuid4

from acci.domain.projections import Projection
from acci.store.backfilling import backfill as backfilling
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations
from acci.store.log.positions import end_of_stride
from acci.store.postgres.database import connect
from acci.store.rebuilding import rollback
from acci.store.rebuilding.build import STEPS, Build, RebuildOptions, Step, StepContext, check, fill
from acci.store.rebuilding.partitions import in_one_pass
from acci.store.registry import Catalogue
from tests.support.cutting import When
from tests.support.histories import append_orders


@dataclass(frozen=True)
class Place:
    """A point in a run: just before, or just after, the statement with which all `marks` were seen, in this order."""

    name: str
    when: When
    marks: tuple[bytes, ...]
    publishing: bool = False  # the live generation is locked here, briefly

    def __str__(self) -> str:
        return self.name


COMMIT = b"COMMIT"
FILL, FILLED = b"INSERT INTO generation_", b"UPDATE acci.partitions"
CHECKED, VIEW = b"INSERT INTO acci.builds", b"CREATE OR REPLACE VIEW"
REBUILD = (
    Place("begin: the generation is inserted", "after", (b"INSERT INTO acci.generations",)),
    Place("begin: its table is made", "after", (b"INSERT INTO acci.partitions",)),
    Place("begin: committed, the reply lost", "after", (b"INSERT INTO acci.partitions", COMMIT)),
    Place("fill: the partition is locked", "after", (b"FOR UPDATE SKIP LOCKED",)),
    Place("fill: rows are there, not committed", "after", (FILL,)),
    Place("fill: committed, the reply lost", "after", (FILLED, COMMIT)),
    Place("fill: the next partition, half-way", "after", (FILLED, FILL)),
    Place("finish: indexes are made", "after", (b"ADD CONSTRAINT",)),
    Place("finish: committed, the reply lost", "after", (CHECKED, COMMIT)),
    Place("finish: before statistics", "before", (CHECKED, b"ANALYZE")),
    Place("check: before totals are counted", "before", (CHECKED, b"trim_scale")),
    Place("publish: before anything is locked", "before", (b"ORDER BY generation",)),
    Place("publish: both generations are locked", "after", (b"ORDER BY generation",), publishing=True),
    Place("publish: the last events are applied", "after", (b"MERGE INTO generation_",), publishing=True),
    Place("publish: before the view is replaced", "before", (VIEW,), publishing=True),
    Place("publish: before the commit", "before", (VIEW, COMMIT), publishing=True),
    Place("publish: committed, the reply lost", "after", (VIEW, COMMIT)),
    Place("retain: before the table is vacuumed", "before", (b"VACUUM",)),
    Place("retain: the old table is dropped, not committed", "after", (b"DROP SCHEMA",)),
)
ROLLBACK = (
    Place("rollback: the last events are applied", "after", (b"MERGE INTO generation_",)),
    Place("rollback: before the commit", "before", (VIEW, COMMIT)),
    Place("rollback: committed, the reply lost", "after", (VIEW, COMMIT)),
)
BACKFILL = (
    Place("backfill: its chunks are cut, not committed", "after", (b"INSERT INTO acci.backfill_chunks",)),
    Place("backfill: a chunk is derived, not committed", "after", (b"SET state = 'done', rows",)),
    Place("backfill: a chunk is committed, the reply lost", "after", (b"SET state = 'done', rows", COMMIT)),
)

Run = Callable[[str, Catalogue, type[Projection]], None]


def rebuild(url: str, catalogue: Catalogue, projection: type[Projection]) -> None:
    """As the flow does it: each step with a connection of its own, in two partitions, one old generation kept.

    An order arrives before the gate.
    """

    def take(step: Step, build: Build) -> Build:
        with connect(url, step.__name__) as connection:
            return step(build, StepContext(connection, catalogue, projection))

    with connect(url, "turn") as turn, generations.exclusive_run(turn, projection.name, "rebuild"):
        built = Build(projection.name, RebuildOptions(partitions=2))
        for step in STEPS:
            if step is fill:
                with connect(url, "pieces") as connection:
                    pieces = in_one_pass(built.partitions, partial(end_of_stride, connection))
                for piece in pieces:
                    take(step, replace(built, partitions=(piece,)))
                built = replace(built, partitions=())
                continue
            if step is check:
                with connect(url, "append") as connection:
                    append_orders(connection, 1, f"{uuid4()}-")  # for the swap to apply
            built = take(step, built)


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
