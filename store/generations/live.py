"""Working on a generation while other processes may publish the next one and drop this one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, TypeVar

from psycopg.pq import TransactionStatus

from acci.domain.errors import AcciError
from acci.store.generations import generations
from acci.store.generations.generations import Generation, NotBuilt
from acci.store.postgres.database import Connection

TRIES = 5

T = TypeVar("T")


class BuildGone(AcciError):
    """A generation was thrown away while it was being built, looked at or published."""

    transient: ClassVar[bool] = False

    projection: str
    generation: int

    sentence = (
        "Generation {generation} of {projection} was thrown away meanwhile, and nothing was published "
        "of it. Run `acci run rebuild {projection}` if it is still wanted."
    )


def on_live(connection: Connection, projection: str, act: Callable[[Generation], T]) -> T:
    """The result of `act` on the live generation; tried again if it fails and another generation is live by then.

    A table that was dropped meanwhile causes any error: that it is missing, empty or altered by hand.
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


@contextmanager
def while_there(connection: Connection, generation: Generation) -> Iterator[None]:
    """Raises `BuildGone` in place of an error whose cause is that the generation was dropped meanwhile."""
    try:
        yield
    except Exception as error:
        require_there(connection, generation, error)
        raise


def require_there(connection: Connection, generation: Generation, cause: Exception | None = None) -> None:
    """Raises `BuildGone` if the generation was dropped, as far as this transaction can see."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        return
    if generation.generation not in generations.states(connection, generation.projection):
        raise BuildGone(generation.projection, generation.generation) from cause


def is_live(connection: Connection, generation: Generation) -> bool:
    """Whether it is still live, as far as this transaction's snapshot shows."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        return True
    now = generations.live(connection, generation.projection)
    return now is not None and now.generation == generation.generation


def _live(connection: Connection, projection: str) -> Generation:
    generation = generations.live(connection, projection)
    if generation is None:
        raise NotBuilt(projection)
    return generation
