"""Lag samples: how far read models are behind the log, taken every few minutes."""

from collections.abc import Sequence

from acci.store.log import high_water
from acci.store.monitoring.status import read_projections
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue


def sample(connection: Connection, catalogue: Catalogue) -> None:
    """Store the present lag of each read model."""
    for each in read_projections(connection, catalogue, high_water.current(connection).head):
        noted = {"projection": each.projection, "events": each.lag_events, "seconds": each.lag_seconds}
        connection.execute(sql("monitoring/lag:add_sample"), noted)


def lag_curves(connection: Connection, hours: int) -> dict[str, Sequence[tuple[float, float]]]:
    """By read model the samples of the last `hours`, oldest first: hours from now (negative), seconds behind."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for projection, ago, seconds in connection.execute(sql("monitoring/lag:samples"), {"hours": hours}).fetchall():
        curves.setdefault(projection, []).append((ago, seconds))
    return dict(curves)
