"""Batches: a range of events applied to a generation, exactly once.

One transaction takes the checkpoint's lock, applies the events in (checkpoint, bound], moves the checkpoint. A crash
anywhere leaves the state of the last commit; a second runner finds the lock taken and leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass

from acci.domain.projections import Projection
from acci.store.generations import generations
from acci.store.generations.generations import Busy, CheckpointBeyondLog, Generation
from acci.store.generations.live import on_live
from acci.store.generations.table_definition import require_fit
from acci.store.generations.tables import qualified
from acci.store.log import high_water
from acci.store.log.positions import end_of_stride
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.exclusions import with_exclusions
from acci.store.projecting.poison_events import apply_span
from acci.store.projecting.ranges import Applier, Span
from acci.store.projecting.tracing import Batch, applying
from acci.store.registry import Catalogue

BATCH_SIZE, LARGEST_BATCH = 50_000, 1_000_000  # positions
# A batch that changes many rows reads the whole table, at 2 ns a byte; an event takes 5 µs. So: about an eighth more.
BYTES_AN_EVENT = 300
WORK_MEM = "256MB"


@dataclass(frozen=True)
class Applied:
    """A batch that was applied: the checkpoint reached, rows changed, events that became dead letters."""

    checkpoint: int
    rows: int
    dead_letters: int


@dataclass(frozen=True)
class Progress:
    """How far a run has come: positions `start` ≤ `checkpoint` ≤ `target`, rows changed and dead letters so far."""

    projection: str
    start: int
    checkpoint: int
    target: int
    rows: int
    batches: int
    dead_letters: int = 0

    def after(self, batch: Applied) -> "Progress":
        return Progress(
            self.projection,
            self.start,
            batch.checkpoint,
            self.target,
            self.rows + batch.rows,
            self.batches + 1,
            self.dead_letters + batch.dead_letters,
        )


Report = Callable[[Progress], None]


def no_report(_: Progress) -> None:
    """Drops the report."""


def apply_batch(
    connection: Connection, applier: Applier, generation: Generation, bound: int, batch_size: int
) -> Applied:
    """Apply the next batch up to `bound`. Atomic, exactly once; events that cannot be applied become dead letters.

    Raises `Busy` if another runner has the generation now, or has swapped it.
    """
    with applying(connection, generation, applier.event_types) as applied, connection.transaction():
        connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
        parameters = {"generation": generation.generation, "state": generation.state}
        row = connection.execute(sql("projecting/batches:lock"), parameters).fetchone()
        if row is None:
            raise Busy(generation.projection, "catch-up")
        checkpoint: int = row[0]
        if checkpoint >= bound:
            return Applied(checkpoint, 0, 0)
        upto = end_of_stride(connection, checkpoint, batch_size, bound)
        span = with_exclusions(connection, generation, Span(checkpoint, upto))
        rows, dead = apply_span(connection, applier, generation, span)
        connection.execute(sql("projecting/batches:advance"), {"generation": generation.generation, "checkpoint": upto})
        applied(Batch(checkpoint, upto, rows, dead, span.skip_parked))
        return Applied(upto, rows, dead)


def catch_up(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    batch_size: int | None = None,
    report: Report = no_report,
) -> Progress:
    """Bring the live read model to the high-water mark, a batch at a time; each batch is final when it commits.

    A batch has `batch_size` positions, or as many as suit the table's size. Ordered and exactly once, under any number
    of runners and crashes. Raises `Busy` if another catch-up of it is under way, `RebuildNeeded` if its rules changed,
    `TableAltered`, `CheckpointBeyondLog`, and `NotBuilt` before the first build.
    """

    def apply(generation: Generation) -> Progress:
        require_fit(connection, catalogue, projection, generation)
        mark = high_water.establish(connection)
        require_within_log(connection, generation, mark.head)
        return advance(connection, projection, generation, mark.position, batch_size, report)

    with generations.exclusive_run(connection, projection.name, "catch-up"):
        return on_live(connection, projection.name, apply)


def require_within_log(connection: Connection, generation: Generation, head: int) -> None:
    """Raises `CheckpointBeyondLog`; `head` is where the log ended shortly before."""
    end = high_water.end_before(connection, generation.checkpoint, head)
    if end is not None:
        raise CheckpointBeyondLog(generation.projection, generation.checkpoint, end)


def advance(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    target: int,
    batch_size: int | None = None,
    report: Report = no_report,
) -> Progress:
    """Apply batches to `generation` until its checkpoint is at `target`."""
    progress = Progress(projection.name, generation.checkpoint, generation.checkpoint, target, 0, 0)
    if progress.checkpoint >= target:
        return progress
    applier = applier_of(connection, projection, generation)
    while progress.checkpoint < target:
        size = batch_size or suitable_size(connection, generation)
        progress = progress.after(apply_batch(connection, applier, generation, target, size))
        report(progress)
    return progress


def suitable_size(connection: Connection, generation: Generation) -> int:
    """Positions for the next batch: the larger the table, the more."""
    table = {"table": qualified(connection, generation.schema, generation.projection)}
    row = connection.execute(sql("projecting/estimates:table_size"), table).fetchone()
    size: int = (row and row[0]) or 0
    return min(max(BATCH_SIZE, size // BYTES_AN_EVENT), LARGEST_BATCH)
