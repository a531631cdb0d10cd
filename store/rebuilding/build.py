"""Rebuilding: a new generation beside the live one, in partitions of its keys, resumable, then swapped in.

    begin → fill each partition (in parallel) → finish (indexes) → gate → publish (catch up and swap)

Where an index or a constraint refuses the rows, the table is filled once more with its indexes on it, in the order of
the events, so that the same events become dead letters as in a catch-up.

Every step commits what it did and can be run again: a rerun after a crash goes on with what is missing. The live
generation is untouched until the swap.
"""

import time
from collections.abc import Callable

from psycopg import sql as identifiers
from psycopg.types.json import Jsonb

from acci.domain.projections import FoldProjection, Projection
from acci.store.compiling.statements import is_ordered
from acci.store.generations import generations, table_definition
from acci.store.generations.fingerprints import define
from acci.store.generations.generations import Busy, Generation, Partition
from acci.store.generations.lifecycle import discard
from acci.store.generations.live import while_there
from acci.store.generations.rule_order import allow_older, require_not_older
from acci.store.generations.tables import build_indexes, drop_indexes, indexes, qualified
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import discards
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.batches import WORK_MEM, Applied, Progress, Report, no_report
from acci.store.projecting.decrypted_events import refuse_personal_keys
from acci.store.projecting.exclusions import with_exclusions
from acci.store.projecting.poison_events import apply_span, is_poison
from acci.store.projecting.ranges import STRIDE, Span
from acci.store.rebuilding import publish
from acci.store.registry import Catalogue

Gate = Callable[[Connection, Generation], None]


def unguarded(_: Connection, __: Generation) -> None:
    """Let every generation pass."""


def useful_partitions(projection: type[Projection], at_most: int, processes: bool = False) -> int:
    """How many partitions serve: one, if order does not matter, since PostgreSQL then reads the log in parallel.

    And one for a fold in Python, unless each partition has a process of its own: threads would only wait in turn.
    """
    if issubclass(projection, FoldProjection):
        return at_most if processes else 1
    return at_most if is_ordered(projection) else 1


def begin(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    partition_count: int,
    fresh: bool = False,
    allow_older_rules: bool = False,
) -> tuple[Generation, tuple[Partition, ...]]:
    """The generation to build and its partitions: those of an interrupted rebuild of the same rules, else new ones.

    Atomic. An interrupted rebuild of other rules, or of another log, is thrown away, and what was rejected; any with
    `fresh`. Raises `ProjectionError`, and `OlderRules` where the live rows were made by newer ones, unless those are
    allowed.
    """
    if not issubclass(projection, FoldProjection):
        refuse_personal_keys(projection)
    definition = define(catalogue, projection)
    if not allow_older_rules:
        require_not_older(connection, projection.name, definition)
    for rejected in generations.rejected(connection, projection.name):
        discard(connection, rejected)
    found = generations.building(connection, projection.name)
    parts = () if found is None else generations.partitions(connection, found)
    mark = high_water.establish(connection)  # behind what was read, or others may have come further
    if found is not None:
        reached = max([found.checkpoint, *(part.target for part in parts)])
        if not fresh and found.fingerprint == definition.fingerprint and reached <= mark.head:
            return found, parts
        discard(connection, found)
    with connection.transaction():
        if allow_older_rules:
            allow_older(connection)
        generation = generations.begin(connection, catalogue, projection)
        discards.remember(connection, generation)
        read_model = generation.read_model(connection)
        taken_off = indexes(connection, read_model)
        drop_indexes(connection, read_model, taken_off)
        connection.execute(
            sql("generations/generations:set_indexes"),
            {"generation": generation.generation, "indexes": Jsonb([vars(index) for index in taken_off])},
        )
        for number in range(partition_count):
            connection.execute(
                sql("generations/partitions:add"),
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
    report: Report = no_report,
    stride: int = STRIDE,
) -> Progress:
    """Project every event up to the partition's target onto its keys. Resumable; each stride is final.

    Raises `Busy` if somebody else fills the same partition, and `BuildGone`.
    """
    with while_there(connection, generation):
        applier = applier_of(connection, projection, generation)
        progress = Progress(projection.name, partition.checkpoint, partition.checkpoint, partition.target, 0, 0)
        share = {"generation": generation.generation, "partition": partition.partition}
        while progress.checkpoint < partition.target:
            began = time.monotonic()
            with connection.transaction():
                connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
                row = connection.execute(sql("generations/partitions:lock"), share).fetchone()
                if row is None:
                    raise Busy(projection.name, "rebuild")
                checkpoint, target = row
                upto = min(checkpoint + stride, target)
                span = Span(checkpoint, upto, partition.partition, partition.partitions, fresh=checkpoint == 0)
                span = with_exclusions(connection, generation, span)
                rows, dead = apply_span(connection, applier, generation, span)
                reached = {"checkpoint": upto, "rows": rows, "seconds": time.monotonic() - began}
                connection.execute(sql("generations/partitions:advance"), share | reached)
            progress = progress.after(Applied(upto, rows, dead))
            report(progress)
        return progress


def finish(connection: Connection, projection: type[Projection], generation: Generation) -> Generation:
    """Build the indexes and set the checkpoint, once every partition is done. Idempotent.

    Events that an index or a constraint refuses become dead letters. Raises `Busy` and `BuildGone`.
    """
    with while_there(connection, generation):
        if not all(part.is_done for part in generations.partitions(connection, generation)):
            raise Busy(generation.projection, "rebuild")
        try:
            _build(connection, projection, generation)
        except Exception as error:
            if not is_poison(error):
                raise
            with connection.transaction():
                _empty_with_indexes(connection, generation)
            for part in generations.partitions(connection, generation):
                fill(connection, projection, generation, part)
            _build(connection, projection, generation)
        connection.execute(
            identifiers.SQL("ANALYZE {}").format(identifiers.Identifier(generation.schema, generation.projection))
        )
        return generations.one(connection, generation.generation)


def _build(connection: Connection, projection: type[Projection], generation: Generation) -> None:
    """Build the indexes that are missing, and set the checkpoint. Atomic."""
    began = time.monotonic()
    with connection.transaction():
        connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
        connection.execute(sql("projecting/session:settings_for_indexes"), {"maintenance_work_mem": WORK_MEM})
        parts = generations.partitions(connection, generation)
        reached = max([generation.checkpoint, *(part.target for part in parts)])
        discards.settle(connection, projection, generation, reached)
        build_indexes(connection, generation.read_model(connection), generation.indexes)
        table_definition.remember(connection, generation)
        connection.execute(
            sql("generations/generations:set_checkpoint"), {"generation": generation.generation, "checkpoint": reached}
        )
        table = qualified(connection, generation.schema, generation.projection)
        took = {"generation": generation.generation, "table": table, "seconds": time.monotonic() - began}
        connection.execute(sql("rebuilding/record_build"), took)


def _empty_with_indexes(connection: Connection, generation: Generation) -> None:
    """Take all rows and dead letters out again and put the indexes on, one partition to be filled anew."""
    here = {"generation": generation.generation}
    target = max(part.target for part in generations.partitions(connection, generation))
    table = identifiers.Identifier(generation.schema, generation.projection)
    connection.execute(identifiers.SQL("TRUNCATE {}").format(table))
    connection.execute(sql("generations/generations:remove_dead_letters"), here)
    discards.remember(connection, generation)
    build_indexes(connection, generation.read_model(connection), generation.indexes)
    connection.execute(sql("generations/partitions:remove"), here)
    connection.execute(sql("generations/partitions:add"), here | {"partition": 0, "partitions": 1, "target": target})


def rebuild(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    report: Report = no_report,
    gate: Gate = unguarded,
    fresh: bool = False,
    allow_older_rules: bool = False,
) -> Progress:
    """The whole recipe on one connection, one partition after the other; `gate` raises what forbids to publish.

    Raises `Busy` if a rebuild is under way.
    """
    with generations.exclusive_run(connection, projection.name, "rebuild"):
        generation, parts = begin(connection, catalogue, projection, 1, fresh, allow_older_rules)
        filled = [fill(connection, projection, generation, part, report) for part in parts]
        finished = finish(connection, projection, generation)
        gate(connection, finished)
        published = publish.publish(connection, projection, finished)
    rows, batches = sum(part.rows for part in filled), sum(part.batches for part in filled)
    return Progress(projection.name, 0, published.checkpoint, published.checkpoint, rows, batches)
