"""Exclusions: events and keys that a generation's rows leave out: dead letters, parked keys, discards."""

from dataclasses import dataclass, replace

from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.ranges import Span

StoredKey = tuple[str | None, ...]


@dataclass(frozen=True)
class Exclusions:
    """`parked`: keys that wait behind dead letters. `skipped`: positions of events that are left out for every key.

    Skipped are discarded events, and dead letters whose key cannot be read.
    """

    parked: frozenset[StoredKey]
    skipped: tuple[int, ...]


def load_exclusions(connection: Connection, generation: Generation) -> Exclusions:
    """The generation's exclusions now."""
    some_parked, skipped = _in_the_way(connection, generation)
    return Exclusions(parked_keys(connection, generation) if some_parked else frozenset(), skipped)


def parked_keys(connection: Connection, generation: Generation) -> frozenset[StoredKey]:
    """The keys that wait behind dead letters of the generation."""
    here = {"generation": generation.generation}
    return frozenset(tuple(row[0]) for row in connection.execute(sql("projecting/parked_keys:of_generation"), here))


def with_exclusions(connection: Connection, generation: Generation, span: Span) -> Span:
    """The span with the generation's exclusions: `skip_parked` and the positions to skip, if there are any."""
    some_parked, skipped = _in_the_way(connection, generation)
    return replace(span, skip_parked=some_parked or bool(skipped), skipped=skipped)


def _in_the_way(connection: Connection, generation: Generation) -> tuple[bool, tuple[int, ...]]:
    """Whether any key is parked, and the positions to skip."""
    parameters = {"generation": generation.generation, "projection": generation.projection}
    some_parked, skipped = connection.execute(sql("projecting/exclusions"), parameters).fetchone() or (False, ())
    return some_parked, tuple(skipped)
