"""The sample history for an empty log."""

from collections.abc import Sequence

from acci.store.log.high_water import establish
from acci.store.postgres.database import connect
from acci.store.registry import load
from acci.store.testing.simulation import simulate

EVENTS = 50_000


def fill_if_empty(database_url: str, contexts: Sequence[str]) -> int:
    """Fill an empty log, if any of the registered `contexts` has a simulation.

    Returns how many events were appended; 0 if the log holds or ever held an event.
    """
    simulations = [context.simulation for context in load(contexts).contexts if context.simulation is not None]
    with connect(database_url, "sample history", "project") as connection:
        is_empty = establish(connection).head == 0
    if not is_empty or not simulations:
        return 0
    return simulate(database_url, simulations[0], events=EVENTS).events
