"""Re-deriving: the rows of chosen keys made from all their events, while no other run applies any."""

from collections.abc import Iterable
from dataclasses import dataclass

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.error_text import reason
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.poison_events import is_poison
from acci.store.projecting.ranges import Applier, Key


@dataclass(frozen=True)
class Failed:
    """A key whose events cannot be applied, so its row is unchanged; `error` is PostgreSQL's or the rule's."""

    key: Key
    error: str


@dataclass(frozen=True)
class Rederived:
    """The `keys` whose rows were re-derived, and those that failed."""

    keys: list[Key]
    failed: list[Failed]


def rederive(live: LiveReadModel, keys: Iterable[Key], upto: int, *, parked_too: bool = False) -> Rederived:
    """Make the rows of `keys` from their events up to `upto`, without the skipped ones; keys that fail keep their row.

    Parked keys are left out, since they wait for a retry. With `parked_too` they are derived like any other: for a
    retry, and when no old row may stay, as after a person was erased. In the caller's transaction, which holds the
    generation's lock; no key is released here.
    """
    exclusions = live.exclusions()
    wanted = [key for key in keys if parked_too or tuple(key) not in exclusions.parked]
    failed = derive(live.connection, live.applier, wanted, upto, exclusions.skipped)
    without = {tuple(each.key) for each in failed}
    return Rederived([key for key in wanted if tuple(key) not in without], failed)


def derive(
    connection: Connection, applier: Applier, keys: list[Key], upto: int, skipped: tuple[int, ...]
) -> list[Failed]:
    """Make the rows of `keys` from their events up to `upto`; returns the keys that fail, found by halving."""
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
