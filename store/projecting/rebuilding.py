"""Rebuilding: a new generation beside the live one, in partitions of its keys, resumable, then swapped in.

    begin → fill each partition (in parallel) → finish (indexes) → publish (catch up and swap)

Every step commits what it did and can be run again: a rerun after a crash goes on with what is missing. The live
generation is untouched until the swap.
"""

from psycopg import sql as identifiers
from psycopg.types.json import Jsonb

from domain.projections import Projection
from store import high_water
from store.catalogue import Catalogue
from store.database import Connection
from store.projecting import generations, shapes, swapping
from store.projecting.appliers import applier_of
from store.projecting.batches import WORK_MEM, Applied, Progress, Report, unheard
from store.projecting.fingerprints import define
from store.projecting.generations import Busy, Generation, Partition
from store.projecting.poison import apply_span, watching_out
from store.projecting.spans import Span
from store.projecting.tables import build_indexes, drop_indexes, indexes
from store.statements import sql

STRIDE = 5_000_000  # positions a partition takes in one transaction: what a crash can cost


def begin(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], partition_count: int
) -> tuple[Generation, tuple[Partition, ...]]:
    """The generation to build and its partitions: those of an interrupted rebuild of the same rules, else new ones.

    Atomic. An interrupted rebuild of other rules, or of another log, is thrown away. Raises `ProjectionError`.
    """
    mark = high_water.establish(connection)
    found = generations.building(connection, projection.name)
    if found is not None:
        parts = generations.partitions(connection, found)
        reached = max([found.checkpoint, *(part.target for part in parts)])
        if found.fingerprint == define(catalogue, projection).fingerprint and reached <= mark.head:
            return found, parts
        discard(connection, found)
    with connection.transaction():
        generation = generations.begin(connection, catalogue, projection)
        read_model = generation.read_model(connection)
        taken_off = indexes(connection, read_model)
        drop_indexes(connection, read_model, taken_off)
        connection.execute(
            sql("generations/remember_indexes"),
            {"generation": generation.generation, "indexes": Jsonb([vars(index) for index in taken_off])},
        )
        for number in range(partition_count):
            connection.execute(
                sql("generations/add_partition"),
                {
                    "generation": generation.generation,
                    "partition": number,
                    "partitions": partition_count,
                    "target": mark.position,
                },
            )
    generation = generations.one(connection, generation.generation)
    return generation, generations.partitions(connection, generation)


def fill(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    partition: Partition,
    report: Report = unheard,
) -> Progress:
    """Project every event up to the partition's target onto its keys. Resumable; each stride is final.

    Raises `Busy` if somebody else fills the same partition.
    """
    applier = applier_of(connection, projection, generation)
    progress = Progress(projection.name, partition.checkpoint, partition.checkpoint, partition.target, 0, 0)
    share = {"generation": generation.generation, "partition": partition.partition}
    while progress.checkpoint < partition.target:
        with connection.transaction():
            connection.execute(sql("projecting/settings"), {"work_mem": WORK_MEM})
            row = connection.execute(sql("generations/lock_partition"), share).fetchone()
            if row is None:
                raise Busy(projection.name, "rebuild")
            checkpoint, target = row
            upto = min(checkpoint + STRIDE, target)
            span = Span(checkpoint, upto, partition.partition, partition.partitions, fresh=checkpoint == 0)
            rows, dead = apply_span(connection, applier, generation, watching_out(connection, generation, span))
            connection.execute(sql("generations/advance_partition"), share | {"checkpoint": upto})
        progress = progress.after(Applied(upto, rows, dead))
        report(progress)
    return progress


def finish(connection: Connection, generation: Generation) -> Generation:
    """Build the indexes and set the checkpoint, once every partition is done. Atomic and idempotent."""
    unfinished = [part for part in generations.partitions(connection, generation) if not part.is_done]
    if unfinished:
        raise Busy(generation.projection, "rebuild")
    with connection.transaction():
        connection.execute(sql("projecting/settings"), {"work_mem": WORK_MEM})
        connection.execute(sql("projecting/index_settings"), {"maintenance_work_mem": WORK_MEM})
        read_model = generation.read_model(connection)
        build_indexes(connection, read_model, generation.indexes)
        shapes.remember(connection, generation)
        parts = generations.partitions(connection, generation)
        reached = max([generation.checkpoint, *(part.target for part in parts)])
        connection.execute(sql("generations/advance"), {"generation": generation.generation, "checkpoint": reached})
    connection.execute(
        identifiers.SQL("ANALYZE {}").format(identifiers.Identifier(generation.schema, generation.projection))
    )
    return generations.one(connection, generation.generation)


def rebuild(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], report: Report = unheard
) -> Progress:
    """The whole recipe on one connection, one partition after the other. Raises `Busy` if a rebuild is under way."""
    with generations.turn(connection, projection.name, "rebuild"):
        generation, parts = begin(connection, catalogue, projection, 1)
        filled = [fill(connection, projection, generation, part, report) for part in parts]
        published = swapping.publish(connection, projection, finish(connection, generation))
    rows, batches = sum(part.rows for part in filled), sum(part.batches for part in filled)
    return Progress(projection.name, 0, published.checkpoint, published.checkpoint, rows, batches)


def retain(connection: Connection, projection: str, kept: int) -> int:
    """Drop old generations but the newest `kept`; how many were dropped."""
    superfluous = generations.kept(connection, projection)[kept:]
    for generation in superfluous:
        discard(connection, generation)
    return len(superfluous)


def discard(connection: Connection, generation: Generation) -> None:
    """Drop a generation that is not live, with its table. Atomic."""
    with connection.transaction():
        connection.execute(
            identifiers.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(identifiers.Identifier(generation.schema))
        )
        parameters = {"generation": generation.generation}
        connection.execute(sql("generations/drop_partitions"), parameters)
        connection.execute(sql("generations/set_state"), parameters | {"state": "dropped"})
