"""The sample history for an empty log."""

from collections.abc import Sequence

from acci.store.log.high_water import establish
from acci.store.postgres.database import connect
from acci.store.registry import load
from acci.store.testing.simulation import simulate

EVENTS = 50_000


def fill_if_empty(database_url: str, contexts: Sequence[str]) -> int:
    """Afterwards the log is not empty, if any of the registered `contexts` can make up a history.

    Gives how many events were appended; none to a log that holds or ever held one.
    """
    simulations = [context.simulation for context in load(contexts).contexts if context.simulation is not None]
    with connect(database_url, "sample history", "project") as connection:
        is_empty = establish(connection).head == 0
    if not is_empty or not simulations:
        return 0
    return simulate(database_url, simulations[0], events=EVENTS).events
