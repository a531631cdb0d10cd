"""Kept: the generations that a rollback would put back, held against their events as the live one is."""

from collections.abc import Iterator
from dataclasses import replace

from acci.store.auditing import rows
from acci.store.auditing.checks import Looking
from acci.store.auditing.findings import Found, Severity
from acci.store.generations import generations
from acci.store.generations.fingerprints import define
from acci.store.generations.table_definition import alterations
from acci.store.projecting import discards


def look(looking: Looking) -> Iterator[Found]:
    """What is wrong with kept generations: a checkpoint that was moved, an altered table, rows that differ."""
    projection, _ = looking.of_read_model()
    for generation in generations.kept(looking.connection, projection.name):
        with looking.connection.transaction(force_rollback=True):
            found = list(_look(replace(looking, generation=generation)))
        for each in found:
            problem = f"Generation {generation.generation}, which is kept for a rollback: {each.problem}"
            yield replace(each, place={"generation": str(generation.generation), **each.place}, problem=problem)


def _look(looking: Looking) -> Iterator[Found]:
    projection, generation = looking.of_read_model()
    if generation.is_moved:
        problem = f"Its checkpoint was moved by hand from {generation.kept_at} to {generation.checkpoint}."
        yield Found({"part": "checkpoint"}, Severity.ERROR, problem)
        return
    altered = alterations(looking.connection, generation)
    for change in altered:
        yield Found({"part": change}, Severity.ERROR, f"Its table was altered by hand: {change}.")
    if altered or define(looking.catalogue, projection).fingerprint != generation.fingerprint:
        return  # without the rules that made them, nobody can tell what the rows must be
    discards.settle(looking.connection, projection, generation, generation.checkpoint)
    yield from rows.look(looking)
