"""Swapping: readers move from one generation to another in one transaction, and see no gap.

Readers query a view in schema `read`; replacing it keeps its grants, the views on it and prepared statements. The
wait for its lock is short and tried again, so that a long query delays the swap, not the other readers.
"""

import time
from typing import ClassVar

from psycopg import errors

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.generations.lifecycle import LOCK_WAIT_MILLISECONDS
from acci.store.generations.live import while_there
from acci.store.generations.view import repoint_view
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.lock_waits import users
from acci.store.postgres.statements import sql
from acci.store.projecting import discards
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.batches import advance, apply_batch

BATCH_WAIT_MILLISECONDS = 5_000  # for a batch that is running; readers do not queue behind this lock
SWAP_TIMEOUT_SECONDS = 60.0
REMAINING_POSITIONS = 10_000  # at most this many are left to apply while the swap holds its locks


class SwapBlocked(AcciError):
    """The view's lock could not be had in time; the live generation stays. Trying again may help."""

    transient: ClassVar[bool] = True

    projection: str
    seconds: float
    held: str = ""

    def __str__(self) -> str:
        by = f" or hold what the swap needs ({self.held})" if self.held else ""
        return (
            f"{self.projection} could not be swapped within {self.seconds:g} s: others are reading it{by}. "
            "The old generation is still live; run the same again to go on."
        )


def publish(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    timeout: float = SWAP_TIMEOUT_SECONDS,
    as_it_is: bool = False,
) -> Generation:
    """Make `generation` the live one; it has then applied all that the old one had, and no event twice.

    Catches up first until little is left, then applies the rest and swaps in one transaction; or swaps it `as_it_is`,
    however far it has come. Raises `SwapBlocked`, `ColumnsInUse` and `BuildGone`, the live generation untouched.
    """
    with while_there(connection, generation):
        return _publish(connection, projection, generation, timeout, as_it_is)


def _publish(
    connection: Connection, projection: type[Projection], generation: Generation, timeout: float, as_it_is: bool
) -> Generation:
    deadline = time.monotonic() + timeout
    pause = 0.05
    while True:
        if not as_it_is:
            catch_up_to_within(connection, projection, generation)
        fresh = generations.one(connection, generation.generation)
        if fresh.state == "live":
            return fresh  # an earlier try succeeded, and only its answer was lost
        try:
            _swap(connection, projection, fresh, as_it_is)
            return generations.one(connection, generation.generation)
        except errors.LockNotAvailable as error:
            if time.monotonic() > deadline:
                reading = users(connection.info, "read", projection.name)
                held = "; ".join(filter(None, (*getattr(error, "__notes__", ()), reading and f"read by {reading}")))
                raise SwapBlocked(projection.name, timeout, held) from error
            time.sleep(pause)
            pause = min(pause * 2, 2.0)


def catch_up_to_within(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    positions: int = REMAINING_POSITIONS,
) -> Generation:
    """Catch the generation up, outside the swap's locks, to within this many positions of the high-water mark."""
    while True:
        fresh = generations.one(connection, generation.generation)
        mark = high_water.establish(connection).position
        if mark - fresh.checkpoint <= positions:
            return fresh
        advance(connection, projection, fresh, mark)


def _swap(connection: Connection, projection: type[Projection], generation: Generation, as_it_is: bool) -> None:
    bound = high_water.establish(connection).position
    read_model = generation.read_model(connection)
    old = generations.live(connection, projection.name)
    both = [generation.generation] + ([old.generation] if old else [])
    with connection.transaction():
        connection.execute(
            sql("postgres/locks:limit_wait_of_transaction"), {"milliseconds": str(BATCH_WAIT_MILLISECONDS)}
        )
        locked: dict[int, int] = dict(
            connection.execute(sql("generations/generations:lock_for_swap"), {"generations": both}).fetchall()
        )
        if not as_it_is:
            reached = _apply_remaining(connection, projection, generation, locked, bound)
            discards.settle(connection, projection, generation, reached)
        if old is not None and old.generation != generation.generation:
            connection.execute(
                sql("generations/generations:set_state"), {"generation": old.generation, "state": "kept"}
            )
        connection.execute(
            sql("generations/generations:set_state"), {"generation": generation.generation, "state": "live"}
        )
        connection.execute(
            sql("postgres/locks:limit_wait_of_transaction"), {"milliseconds": str(LOCK_WAIT_MILLISECONDS)}
        )
        repoint_view(connection, generation, read_model)


def _apply_remaining(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    checkpoints: dict[int, int],
    bound: int,
) -> int:
    """Readers never go back in time: the new generation ends at `bound` or where the old one did, if that is further.

    How far that is. An old one that is beyond the log was made of another log.
    """
    row = connection.execute(sql("log/events:last_position")).fetchone()
    head = row[0] if row else 0
    bound = max(bound, *(checkpoint for checkpoint in checkpoints.values() if checkpoint <= head))
    reached = checkpoints[generation.generation]
    if reached >= bound:
        return reached  # the usual case: do not hold the locks longer to compile an applier that has nothing to do
    applier = applier_of(connection, projection, generation)
    while reached < bound:
        reached = apply_batch(connection, applier, generation, bound, bound - reached).checkpoint
    return reached
