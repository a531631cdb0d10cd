"""Staleness: why a read model needs a rebuild."""

from domain.projections import Projection
from store import high_water
from store.catalogue import Catalogue
from store.database import Connection
from store.projecting import generations
from store.projecting.fingerprints import define
from store.projecting.shapes import alterations
from store.projecting.unfinished import interrupted


def reasons(connection: Connection, catalogue: Catalogue, projection: type[Projection], head: int) -> tuple[str, ...]:
    """Why it needs a rebuild, each as a phrase; none if it does not.

    A backfill of new columns that was interrupted is one reason; running it again does as well.

    `head` is the last position of the log. Raises `ProjectionError` when its table has no SQL file.
    """
    live = generations.live(connection, projection.name)
    if live is None:
        return ("it was never built",)
    found: list[str] = []
    definition = define(catalogue, projection)
    if definition.fingerprint != live.fingerprint:
        found += definition.changes_from(live.definition)
    found += (f"its table was altered by hand: {alteration}" for alteration in alterations(connection, live))
    backfill = interrupted(connection, live)
    if backfill is not None:
        found.append(str(backfill))
    if live.checkpoint > head:
        found.append(f"it has applied events up to position {live.checkpoint:,}, but the log ends at {head:,}")
    return tuple(found)


def stale(connection: Connection, catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """The projections that need a rebuild, by name, each with why."""
    head = high_water.establish(connection).head
    found = {
        name: reasons(connection, catalogue, projection, head)
        for name, projection in sorted(catalogue.projections.items())
    }
    return {name: why for name, why in found.items() if why}
