"""Backfilling: a chosen part of a live read model re-derived from its whole history, in chunks of keys.

Each chunk is a transaction of its own under the generation's lock: its rows are made from all their events up to
the checkpoint, and the chunk is done. Batches go on between chunks, so nothing is lost or applied twice, and a rerun
goes on with the chunks that are missing.
"""

import time
from contextlib import suppress

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.backfilling.chunks import Backfill, chunks_of, rederive_chunk
from acci.store.backfilling.new_columns import adopt, show
from acci.store.backfilling.selection import Choice, choose
from acci.store.generations import generations
from acci.store.generations.fingerprints import define
from acci.store.generations.generations import Busy, Generation
from acci.store.generations.live import is_live, on_live
from acci.store.generations.table_definition import require_same_rules, require_unaltered
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.batches import WORK_MEM, Progress, Report, catch_up, no_report
from acci.store.projecting.exclusions import load_exclusions
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.registry import Catalogue

CHUNK_SIZE = 10_000  # keys


class Superseded(AcciError):
    """Another generation went live: its rows were derived as a whole."""

    projection: str
    backfill: int

    sentence = (
        "Backfill {backfill} of {projection} has ended: another generation is live now, which was "
        "derived as a whole. Begin it again if it is still needed."
    )


def preview(connection: Connection, catalogue: Catalogue, projection: type[Projection], choice: Choice) -> int:
    """How many keys would be re-derived. Changes nothing; raises what `begin` raises."""

    def count(generation: Generation) -> int:
        with connection.transaction(force_rollback=True):
            _require_ready(connection, catalogue, projection, generation, choice)
            keys = _choose(connection, projection, generation, choice)
            if choice.columns:
                adopt(connection, catalogue, projection, generation, choice.columns)
            return keys

    return on_live(connection, projection.name, count)


def begin(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    choice: Choice,
    chunk_size: int = CHUNK_SIZE,
) -> Backfill:
    """The backfill of that part and its chunks: one that was interrupted, or a new one. Atomic.

    Raises `NotBuilt`, `RebuildNeeded`, `TableAltered`, `WrongKey`, and `NotOnlyNewColumns`.
    """
    return on_live(
        connection,
        projection.name,
        lambda generation: _begin(connection, catalogue, projection, generation, choice, chunk_size),
    )


def _begin(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    generation: Generation,
    choice: Choice,
    chunk_size: int,
) -> Backfill:
    with connection.transaction():
        _require_ready(connection, catalogue, projection, generation, choice)
        about = {"generation": generation.generation, "projection": projection.name, "selection": choice.stored()}
        found = connection.execute(sql("backfilling/backfills:find"), about).fetchone()
        if found is None:
            _choose(connection, projection, generation, choice)
            found = connection.execute(sql("backfilling/backfills:add"), about).fetchone() or (0,)
            connection.execute(sql("backfilling/chunks:cut"), {"backfill": found[0], "size": chunk_size})
        if choice.columns:  # last, since readers wait for a column to be added
            adopt(connection, catalogue, projection, generation, choice.columns)
        return Backfill(found[0], projection.name, generation.generation, choice, chunks_of(connection, found[0]))


def run_chunks(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    backfill: Backfill,
    keys_a_second: int = 0,
    report: Report = no_report,
) -> Backfill:
    """Re-derive the missing chunks, at most so many keys a second (0: no limit); returns the backfill's progress.

    A chunk with keys that cannot be derived is failed with why, their rows as they were; all others go on. The read
    model is kept caught up meanwhile. Raises `Busy` if a backfill of it is under way, and `Superseded`.
    """
    with generations.exclusive_run(connection, projection.name, "backfill"):
        generation = _still_live(connection, backfill)
        try:
            return _run_chunks(connection, catalogue, projection, generation, backfill, keys_a_second, report)
        except Exception as error:
            if is_live(connection, generation):
                raise
            raise _superseded(connection, backfill) from error


def _run_chunks(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    generation: Generation,
    backfill: Backfill,
    keys_a_second: int,
    report: Report,
) -> Backfill:
    live = LiveReadModel(connection, projection, generation)
    done = backfill.keys - sum(chunk.size for chunk in backfill.missing)
    progress = Progress(projection.name, done, done, backfill.keys, 0, 0)
    for chunk in backfill.missing:
        began = time.monotonic()
        with suppress(Busy):  # another runner keeps it caught up
            catch_up(connection, catalogue, projection)
        _still_live(connection, backfill)
        rows = rederive_chunk(live, backfill, chunk)
        done += chunk.size
        progress = Progress(
            projection.name, progress.start, done, backfill.keys, progress.rows + rows, progress.batches + 1
        )
        report(progress)
        if keys_a_second:
            time.sleep(max(0.0, chunk.size / keys_a_second - (time.monotonic() - began)))
    left = chunks_of(connection, backfill.backfill)
    now = Backfill(backfill.backfill, projection.name, backfill.generation, backfill.choice, left)
    if not now.missing:
        with connection.transaction():
            if backfill.choice.columns:
                live.lock()  # otherwise readers would see this generation although another was published
                show(connection, generation)
            connection.execute(sql("backfilling/backfills:end"), {"backfill": now.backfill, "state": "done"})
    return now


def _require_ready(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    generation: Generation,
    choice: Choice,
) -> None:
    """Raises the reason why the generation cannot be backfilled."""
    require_unaltered(connection, generation)
    if not choice.columns:
        require_same_rules(generation, define(catalogue, projection))


def _still_live(connection: Connection, backfill: Backfill) -> Generation:
    """The generation, if it is still live. Raises `Superseded`."""
    generation = generations.one(connection, backfill.generation)
    if generation.state != "live":
        raise _superseded(connection, backfill)
    return generation


def _superseded(connection: Connection, backfill: Backfill) -> Superseded:
    """End the backfill; what to raise."""
    connection.execute(sql("backfilling/backfills:end"), {"backfill": backfill.backfill, "state": "superseded"})
    return Superseded(backfill.projection, backfill.backfill)


def _choose(connection: Connection, projection: type[Projection], generation: Generation, choice: Choice) -> int:
    """Fill the temporary table `affected_keys` with the keys to derive; how many."""
    connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
    skipped = load_exclusions(connection, generation).skipped
    choose(connection, projection, generation.read_model(connection), choice, generation.checkpoint, skipped)
    connection.execute(sql("projecting/affected_keys:remove_parked"), {"generation": generation.generation})
    row = connection.execute(sql("projecting/affected_keys:count")).fetchone()
    return int(row[0]) if row else 0
