"""Working on the live generation, while others may publish the next one and drop this one."""

from collections.abc import Callable
from typing import TypeVar

from psycopg.pq import TransactionStatus

from store.database import Connection
from store.projecting import generations
from store.projecting.generations import Generation, NotBuilt

TRIES = 5

T = TypeVar("T")


def on_live(connection: Connection, projection: str, act: Callable[[Generation], T]) -> T:
    """What `act` comes to on the live generation; once more if that one is live no more when it fails.

    Of a table that was dropped meanwhile anything may be said: that it is missing, empty or altered by hand.
    Raises `NotBuilt`, and what `act` raises.
    """
    for _ in range(TRIES - 1):
        generation = _live(connection, projection)
        try:
            return act(generation)
        except Exception:
            if is_live(connection, generation):
                raise
    return act(_live(connection, projection))


def is_live(connection: Connection, generation: Generation) -> bool:
    """Whether readers see it still, as far as can be told: inside a transaction nothing new can."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        return True
    now = generations.live(connection, generation.projection)
    return now is not None and now.generation == generation.generation


def _live(connection: Connection, projection: str) -> Generation:
    generation = generations.live(connection, projection)
    if generation is None:
        raise NotBuilt(projection)
    return generation
