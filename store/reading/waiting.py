"""Read your writes: wait until a read model has applied one's own events."""

import time
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Any, ClassVar, TypeVar

from acci.domain.errors import AcciError, UnknownName
from acci.domain.projections import Projection
from acci.store.generations.generations import Generation, live
from acci.store.postgres.database import Database
from acci.store.postgres.replica import Replica
from acci.store.postgres.statements import sql

T = TypeVar("T")
LONGEST_PAUSE = 0.1  # seconds between two polls


class NotThereYet(AcciError):
    """A projection has not come to `position` in time; `checkpoint` is None if nothing of it is published."""

    transient: ClassVar[bool] = True

    projection: str
    position: int
    checkpoint: int | None
    timeout: float

    def __str__(self) -> str:
        missed = f"has not come to position {self.position} within {self.timeout:g} s"
        if self.checkpoint is None:
            return (
                f"{self.projection} is not published yet and {missed}. If `acci status` lists it, run "
                f"`acci run rebuild {self.projection}`, or wait longer."
            )
        return (
            f"{self.projection} is at position {self.checkpoint} and {missed}. "
            f"Run `acci run catch-up {self.projection}`, or wait longer."
        )


def wait_for(database: Database, projection: str, position: int, timeout: float) -> int:
    """Wait until every event up to `position` is in the live read model; returns its checkpoint.

    Holds no connection while it waits. Raises `NotThereYet` after `timeout` seconds; `UnknownName` at once for a name
    that no projection in this process has, and no read model in the database.
    """
    return wait(looking(database, [projection], position, timeout))


def wait(looks: Generator[float, None, T]) -> T:
    """Look until there is no more to wait for; what the looks return then."""
    while True:
        try:
            time.sleep(next(looks))
        except StopIteration as end:
            found: T = end.value
            return found


def looking(
    database: Database | Replica[Any], projections: Iterable[str], position: int, timeout: float
) -> Generator[float, None, int]:
    """As `wait_for`, for several, look by look: the seconds to wait before the next; the last checkpoint at the end.

    It looks where reads go, to a replica too: what is read there afterwards is not older.
    """

    def is_there(found: Generation | None) -> bool:
        return found is not None and found.checkpoint >= position

    deadline, checkpoint = time.monotonic() + timeout, position
    for projection in projections:
        pause = 0.002
        while True:
            generation = database.read(partial(_live, projection), keep=is_there)
            if generation is not None and is_there(generation):
                checkpoint = generation.checkpoint
                break
            if generation is None:
                _require_known(database, projection)
            left = deadline - time.monotonic()
            if not left > 0:  # also for a timeout that is not a number (NaN)
                raise NotThereYet(projection, position, generation.checkpoint if generation else None, timeout)
            yield min(pause, left)
            pause = min(pause * 2, LONGEST_PAUSE)
    return checkpoint


def _live(projection: str, database: Database) -> Generation | None:
    with database.connection() as connection:
        return live(connection, projection)


def _require_known(database: Database | Replica[Any], projection: str) -> None:
    known = set(_declared(Projection))
    if projection in known:
        return
    known |= database.read(_stored)
    if projection not in known:
        raise UnknownName("projection", projection, tuple(known))


def _stored(database: Database) -> set[str]:
    with database.connection() as connection:
        return {row[0] for row in connection.execute(sql("generations/generations:projections"))}


def _declared(base: type[Projection]) -> Iterator[str]:
    """The names of the projections that this process has, of all contexts."""
    for each in base.__subclasses__():
        if "name" in vars(each):
            yield each.name
        yield from _declared(each)
