"""A new generation beside the live one: begun, filled in partitions of its keys, finished with its indexes.

Where an index or a constraint refuses the rows, the table is filled once more with its indexes in place, in the order
of the events, so that the same events become dead letters as in a catch-up.
"""

import time

from psycopg import sql as identifiers
from psycopg.types.json import Jsonb

from acci.domain.projections import FoldProjection, Projection
from acci.store.generations import generations, table_definition
from acci.store.generations.fingerprints import define
from acci.store.generations.generations import Busy, Generation, Partition
from acci.store.generations.lifecycle import discard
from acci.store.generations.live import while_there
from acci.store.generations.rule_order import allow_older, require_not_older
from acci.store.generations.tables import build_indexes, drop_indexes, indexes, qualified
from acci.store.log import high_water
from acci.store.log.positions import end_of_stride
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import discards
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.batches import WORK_MEM, Applied, Progress, Report, no_report
from acci.store.projecting.decrypted_events import refuse_personal_keys
from acci.store.projecting.exclusions import with_exclusions
from acci.store.projecting.poison_events import apply_span, is_poison
from acci.store.projecting.ranges import STRIDE, Span
from acci.store.registry import Catalogue


def begin(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    partition_count: int,
    fresh: bool = False,
    allow_older_rules: bool = False,
) -> tuple[Generation, tuple[Partition, ...]]:
    """The generation to build and its partitions: those of an interrupted rebuild of the same rules, else new ones.

    Atomic. What an interrupted rebuild left is discarded if it was made by other rules or of another log, and always
    with `fresh`; so are rejected generations. Raises `ProjectionError`, and `OlderRules` where the live rows were made
    by newer rules, unless `allow_older_rules`.
    """
    if not issubclass(projection, FoldProjection):
        refuse_personal_keys(projection)
    definition = define(catalogue, projection)
    if not allow_older_rules:
        require_not_older(connection, projection.name, definition)
    for rejected in generations.rejected(connection, projection.name):
        discard(connection, rejected)
    interrupted = generations.building(connection, projection.name)
    parts = () if interrupted is None else generations.partitions(connection, interrupted)
    mark = high_water.establish(connection)  # after the partitions were read: their targets are at or below it
    if interrupted is not None:
        reached = max([interrupted.checkpoint, *(part.target for part in parts)])
        if not fresh and interrupted.fingerprint == definition.fingerprint and reached <= mark.head:
            return interrupted, parts
        discard(connection, interrupted)
    with connection.transaction():
        if allow_older_rules:
            allow_older(connection)
        generation = generations.begin(connection, catalogue, projection)
        discards.record_left_out(connection, generation)
        read_model = generation.read_model(connection)
        dropped = indexes(connection, read_model)
        drop_indexes(connection, read_model, dropped)
        connection.execute(
            sql("generations/generations:set_indexes"),
            {"generation": generation.generation, "indexes": Jsonb([vars(index) for index in dropped])},
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
    """Apply every event up to the partition's target to its keys. Resumable: each stride is a transaction.

    A stride that ends in a hole of the positions goes on to the hole's end. Raises `Busy` if another process fills the
    same partition, and `BuildGone`.
    """
    with while_there(connection, generation):
        applier = applier_of(connection, projection, generation)
        progress = Progress(projection.name, partition.checkpoint, partition.checkpoint, partition.target, 0, 0)
        parameters = {"generation": generation.generation, "partition": partition.partition}
        while progress.checkpoint < partition.target:
            began = time.monotonic()
            with connection.transaction():
                connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
                row = connection.execute(sql("generations/partitions:lock"), parameters).fetchone()
                if row is None:
                    raise Busy(projection.name, "rebuild")
                checkpoint, target = row
                # A piece that was filled before ends where it ended then.
                upto = max(checkpoint, end_of_stride(connection, checkpoint, stride, min(target, partition.target)))
                span = Span(checkpoint, upto, partition.partition, partition.partitions, table_is_empty=checkpoint == 0)
                span = with_exclusions(connection, generation, span)
                rows, dead = apply_span(connection, applier, generation, span)
                reached = {"checkpoint": upto, "rows": rows, "seconds": time.monotonic() - began}
                connection.execute(sql("generations/partitions:advance"), parameters | reached)
            progress = progress.after(Applied(upto, rows, dead))
            report(progress)
        return progress


def finish(connection: Connection, projection: type[Projection], generation: Generation) -> Generation:
    """Create the indexes and set the checkpoint, once every partition is done. Idempotent.

    Events whose rows an index or a constraint refuses become dead letters. Raises `Busy` and `BuildGone`.
    """
    with while_there(connection, generation):
        if not all(part.is_done for part in generations.partitions(connection, generation)):
            raise Busy(generation.projection, "rebuild")
        try:
            _build_indexes(connection, projection, generation)
        except Exception as error:
            if not is_poison(error):
                raise
            with connection.transaction():
                _empty_with_indexes(connection, generation)
            for part in generations.partitions(connection, generation):
                fill(connection, projection, generation, part)
            _build_indexes(connection, projection, generation)
        connection.execute(
            identifiers.SQL("ANALYZE {}").format(identifiers.Identifier(generation.schema, generation.projection))
        )
        return generations.one(connection, generation.generation)


def _build_indexes(connection: Connection, projection: type[Projection], generation: Generation) -> None:
    """Create the indexes that are missing, and set the checkpoint. Atomic."""
    began = time.monotonic()
    with connection.transaction():
        connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
        connection.execute(sql("projecting/session:settings_for_indexes"), {"maintenance_work_mem": WORK_MEM})
        parts = generations.partitions(connection, generation)
        reached = max([generation.checkpoint, *(part.target for part in parts)])
        discards.settle(connection, projection, generation, reached)
        build_indexes(connection, generation.read_model(connection), generation.indexes)
        table_definition.record(connection, generation)
        connection.execute(
            sql("generations/generations:set_checkpoint"), {"generation": generation.generation, "checkpoint": reached}
        )
        table = qualified(connection, generation.schema, generation.projection)
        took = {"generation": generation.generation, "table": table, "seconds": time.monotonic() - began}
        connection.execute(sql("rebuilding/record_build"), took)


def _empty_with_indexes(connection: Connection, generation: Generation) -> None:
    """Remove all rows and dead letters, create the indexes, and leave one partition to fill from the first event."""
    parameters = {"generation": generation.generation}
    target = max(part.target for part in generations.partitions(connection, generation))
    table = identifiers.Identifier(generation.schema, generation.projection)
    connection.execute(identifiers.SQL("TRUNCATE {}").format(table))
    connection.execute(sql("generations/generations:remove_dead_letters"), parameters)
    discards.record_left_out(connection, generation)
    build_indexes(connection, generation.read_model(connection), generation.indexes)
    connection.execute(sql("generations/partitions:remove"), parameters)
    connection.execute(
        sql("generations/partitions:add"), parameters | {"partition": 0, "partitions": 1, "target": target}
    )
