"""Staleness: why a read model needs a rebuild."""

from collections.abc import Iterator

from acci.domain.projections import Projection
from acci.store.generations.fingerprints import define
from acci.store.generations.generations import Busy, Generation, NotBuilt
from acci.store.generations.live import is_live, on_live
from acci.store.generations.open_backfills import interrupted
from acci.store.generations.rule_order import older
from acci.store.generations.table_definition import alterations
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.registry import Catalogue


def reasons(connection: Connection, catalogue: Catalogue, projection: type[Projection], head: int) -> tuple[str, ...]:
    """Why it needs a rebuild, each as a phrase; none if it does not.

    A backfill of new columns that was interrupted is one reason; running it again does as well.

    `head` is where the log ended just before. Raises `ProjectionError` when its table has no SQL file.
    """

    def found(live: Generation) -> tuple[str, ...]:
        reasons = tuple(_reasons(connection, catalogue, projection, live, head))
        if reasons and not is_live(connection, live):
            raise Busy(live.projection, "rebuild")  # and its table may be gone
        return reasons

    try:
        return on_live(connection, projection.name, found)
    except NotBuilt:
        return ("it was never built",)


def _reasons(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], live: Generation, head: int
) -> Iterator[str]:
    definition = define(catalogue, projection)
    if definition.fingerprint != live.fingerprint:
        yield from definition.changes_from(live.definition)
        if older(connection, live.projection, definition) is not None:
            yield "the live rows were made by newer rules than this program has"
    yield from (f"its table was altered by hand: {alteration}" for alteration in alterations(connection, live))
    backfill = interrupted(connection, live)
    if backfill is not None:
        yield str(backfill)
    end = high_water.end_before(connection, live.checkpoint, head)
    if end is not None:
        yield f"it has applied events up to position {live.checkpoint:,}, but the log ends at {end:,}"


def stale(connection: Connection, catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """The projections that need a rebuild, by name, each with why."""
    head = high_water.establish(connection).head
    found = {
        name: reasons(connection, catalogue, projection, head)
        for name, projection in sorted(catalogue.projections.items())
    }
    return {name: why for name, why in found.items() if why}
