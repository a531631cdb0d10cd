"""Deriving keys anew: chosen rows of a live read model, made from their events while nobody else applies any."""

from dataclasses import dataclass

from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.batches import WORK_MEM
from acci.store.projecting.error_text import reason
from acci.store.projecting.poison_events import is_poison
from acci.store.projecting.ranges import Applier, Key

LOCK_WAIT_MILLISECONDS = 30_000


@dataclass(frozen=True)
class Failed:
    """A key whose events cannot be applied, so that its row stayed as it was; `error` is PostgreSQL's or the rule's."""

    key: Key
    error: str


def lock(connection: Connection, generation: Generation) -> int:
    """Keep others from applying events to the generation until the transaction ends; its checkpoint.

    Waits for a batch under way. Raises `Busy` if it was swapped meanwhile.
    """
    connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
    connection.execute(sql("postgres/locks:limit_wait_of_transaction"), {"milliseconds": str(LOCK_WAIT_MILLISECONDS)})
    parameters = {"generation": generation.generation, "state": generation.state}
    row = connection.execute(sql("projecting/batches:lock_waiting"), parameters).fetchone()
    if row is None:
        raise generations.Busy(generation.projection, "rebuild")
    return int(row[0])


def derive(
    connection: Connection, applier: Applier, keys: list[Key], upto: int, skipped: tuple[int, ...]
) -> list[Failed]:
    """Make the rows of `keys` anew from their events up to `upto`; those that could not be, found by halving."""
    if not keys:
        return []
    try:
        with connection.transaction():
            applier.derive(connection, keys, upto, skipped)
            connection.execute(sql("projecting/session:check_constraints"))
    except Exception as error:
        if not is_poison(error):
            raise
        if len(keys) == 1:
            return [Failed(keys[0], reason(error, applier.personal))]
    else:
        return []
    half = len(keys) // 2
    first = derive(connection, applier, keys[:half], upto, skipped)
    return first + derive(connection, applier, keys[half:], upto, skipped)
