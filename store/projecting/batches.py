"""Batches: a range of events applied to a generation, exactly once.

One transaction takes the checkpoint's lock, applies the events in (checkpoint, bound], moves the checkpoint. A crash
anywhere leaves the state of the last commit; a second runner finds the lock taken and leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass

from domain.projections import Projection
from store import high_water
from store.catalogue import Catalogue
from store.database import Connection
from store.projecting import generations
from store.projecting.compiling import Compiled
from store.projecting.fingerprints import define
from store.projecting.generations import Busy, CheckpointBeyondLog, Generation, require_same_rules
from store.statements import sql

BATCH_SIZE = 50_000
WORK_MEM = "256MB"


@dataclass(frozen=True)
class Progress:
    """How far a run has come: positions `start` ≤ `checkpoint` ≤ `target`, and rows changed so far."""

    projection: str
    start: int
    checkpoint: int
    target: int
    rows: int
    batches: int


Report = Callable[[Progress], None]


def unheard(_: Progress) -> None:
    """Report to nobody."""


def apply_batch(
    connection: Connection, generation: Generation, statement: str, bound: int, batch_size: int
) -> tuple[int, int]:
    """Apply the next batch up to `bound`; the checkpoint reached and the rows changed. Atomic, exactly once.

    Raises `Busy` if another runner has the generation now, or has swapped it.
    """
    with connection.transaction():
        connection.execute(sql("projecting/settings"), {"work_mem": WORK_MEM})
        parameters = {"generation": generation.generation, "state": generation.state}
        row = connection.execute(sql("generations/lock"), parameters).fetchone()
        if row is None:
            raise Busy(generation.projection, "catch-up")
        checkpoint: int = row[0]
        if checkpoint >= bound:
            return checkpoint, 0
        upto = min(checkpoint + batch_size, bound)
        changed = connection.execute(statement.encode(), {"after": checkpoint, "upto": upto}).rowcount
        connection.execute(sql("generations/advance"), {"generation": generation.generation, "checkpoint": upto})
        return upto, changed


def catch_up(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    batch_size: int = BATCH_SIZE,
    report: Report = unheard,
) -> Progress:
    """Bring the live read model to the high-water mark, a batch at a time; each batch is final when it commits.

    Ordered and exactly once, under any number of runners and crashes. Raises `Busy` if another catch-up of it is
    under way, `RebuildNeeded` if its rules changed, `CheckpointBeyondLog`, and `NotBuilt` before the first build.
    """
    with generations.turn(connection, projection.name, "catch-up"):
        generation = generations.live(connection, projection.name)
        if generation is None:
            raise generations.NotBuilt(projection.name)
        require_same_rules(generation, define(catalogue, projection))
        mark = high_water.establish(connection)
        require_within_log(generation, mark.head)
        try:
            return advance(connection, projection, generation, mark.position, batch_size, report)
        except Busy:
            now = generations.live(connection, projection.name)
            if now is None or now.generation == generation.generation:
                raise
            # A rebuild was published meanwhile: go on with what is live now.
            return advance(connection, projection, now, mark.position, batch_size, report)


def require_within_log(generation: Generation, head: int) -> None:
    """Raises `CheckpointBeyondLog`."""
    if generation.checkpoint > head:
        raise CheckpointBeyondLog(generation.projection, generation.checkpoint, head)


def advance(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    target: int,
    batch_size: int = BATCH_SIZE,
    report: Report = unheard,
) -> Progress:
    """Apply batches to `generation` until its checkpoint is at `target`."""
    progress = Progress(projection.name, generation.checkpoint, generation.checkpoint, target, 0, 0)
    if progress.checkpoint >= target:
        return progress
    statement = Compiled(projection, generation.read_model(connection)).apply()
    while progress.checkpoint < target:
        checkpoint, rows = apply_batch(connection, generation, statement, target, batch_size)
        progress = Progress(
            projection.name, progress.start, checkpoint, target, progress.rows + rows, progress.batches + 1
        )
        report(progress)
    return progress
