"""Kept generations: those that a rollback can restore, compared with their events as the live one is."""

from collections.abc import Iterator
from dataclasses import replace

from acci.store.auditing import rows
from acci.store.auditing.checks import CheckContext
from acci.store.auditing.findings import Found, Severity
from acci.store.generations import generations
from acci.store.generations.fingerprints import define
from acci.store.generations.table_definition import alterations
from acci.store.projecting import discards


def check_kept(context: CheckContext) -> Iterator[Found]:
    """What is wrong with kept generations: a checkpoint that was moved, an altered table, rows that differ."""
    name = context.of_read_model().projection.name
    for generation in generations.kept(context.connection, name):
        with context.connection.transaction(force_rollback=True):
            found = list(_check(replace(context, generation=generation)))
        for each in found:
            problem = f"Generation {generation.generation}, which is kept for a rollback: {each.problem}"
            yield replace(each, place={"generation": str(generation.generation), **each.place}, problem=problem)


def _check(context: CheckContext) -> Iterator[Found]:
    live = context.of_read_model()
    projection, generation = live.projection, live.generation
    if generation.is_moved:
        problem = f"Its checkpoint was moved by hand from {generation.kept_at} to {generation.checkpoint}."
        yield Found({"part": "checkpoint"}, Severity.ERROR, problem)
        return
    altered = alterations(context.connection, generation)
    for change in altered:
        yield Found({"part": change}, Severity.ERROR, f"Its table was altered by hand: {change}.")
    if altered or define(context.catalogue, projection).fingerprint != generation.fingerprint:
        return  # without the rules that made them, it is unknown what the rows must be
    discards.settle(context.connection, projection, generation, generation.checkpoint)
    yield from rows.check_rows(context)
