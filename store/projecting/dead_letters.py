"""Dead letters: events that a projection could not apply; they can be listed, retried or discarded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from acci.domain.errors import UnknownNumber
from acci.domain.projections import Projection
from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.generations.live import on_live
from acci.store.generations.table_definition import require_fit
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import discards
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.poison_events import record_dead_letter
from acci.store.projecting.ranges import Key
from acci.store.projecting.rederiving import rederive
from acci.store.registry import Catalogue


@dataclass(frozen=True)
class DeadLetter:
    """An event that could not be applied: why, and the keys parked behind it (none if its key is unreadable)."""

    dead_letter: int
    projection: str
    generation: int
    position: int
    event_type: str
    keys: list[Key]
    error: str
    payload: dict[str, Any]
    tries: int
    first_seen: datetime
    last_tried: datetime


@dataclass(frozen=True)
class Discarded:
    """An event that a person left out of a projection for good: why, and when."""

    projection: str
    position: int
    event_type: str
    reason: str
    discarded_at: datetime


@dataclass(frozen=True)
class Retried:
    """The result of a retry: keys released, keys still parked, and letters still unreadable."""

    projection: str
    released: int
    parked: int
    unreadable: int


def letters(connection: Connection, projection: str | None = None) -> list[DeadLetter]:
    """The dead letters of live read models and of those in the making, in order."""
    rows = connection.execute(sql("projecting/dead_letters:list"), {"projection": projection, "dead_letter": None})
    return [DeadLetter(*row) for row in rows]


def letter(connection: Connection, number: int) -> DeadLetter:
    """One dead letter. Raises `UnknownNumber`."""
    parameters = {"projection": None, "dead_letter": number}
    row = connection.execute(sql("projecting/dead_letters:list"), parameters).fetchone()
    if row is None:
        raise UnknownNumber("dead letter", number, tuple(each.dead_letter for each in letters(connection)))
    return DeadLetter(*row)


def discarded(connection: Connection, projection: str | None = None) -> list[Discarded]:
    """The events that were discarded, in order."""
    rows = connection.execute(sql("projecting/discards:list"), {"projection": projection})
    return [Discarded(*row) for row in rows]


def retry(connection: Connection, catalogue: Catalogue, projection: type[Projection]) -> Retried:
    """Re-derive the parked keys of the live read model, and release those that can be.

    Atomic; a key's waiting events are applied in order, each once. If nothing waits, nothing is done or refused.
    Raises `RebuildNeeded`, `NotBuilt`, `TableAltered`.
    """
    if not _waits(connection, projection.name):
        return Retried(projection.name, 0, 0, 0)
    return on_live(
        connection, projection.name, lambda generation: _retry(connection, catalogue, projection, generation)
    )


def _retry(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], generation: Generation
) -> Retried:
    require_fit(connection, catalogue, projection, generation)
    here, live = {"generation": generation.generation}, LiveReadModel(connection, projection, generation)
    with connection.transaction():
        checkpoint = live.lock()
        for (position,) in connection.execute(sql("projecting/dead_letters:unreadable"), here).fetchall():
            record_dead_letter(connection, live.applier, generation, position, "tried again")
        parked = sorted(live.exclusions().parked, key=str)
        done = rederive(live, map(list, parked), checkpoint, parked_too=True)
        for each in done.failed:
            again = here | {"key": Jsonb(each.key), "error": each.error}
            connection.execute(sql("projecting/dead_letters:failed_again"), again)
        connection.execute(sql("projecting/parked_keys:release"), here | {"keys": Jsonb(done.keys)})
        connection.execute(sql("projecting/dead_letters:resolve"), here)
        discards.settle(connection, projection, generation, checkpoint)
        unreadable = len(connection.execute(sql("projecting/dead_letters:unreadable"), here).fetchall())
    return Retried(projection.name, len(done.keys), len(done.failed), unreadable)


def _waits(connection: Connection, projection: str) -> bool:
    """Whether there are parked keys or dead letters, or a discard whose keys are not re-derived yet."""
    if letters(connection, projection) or generations.parked_keys(connection).get(projection):
        return True
    live = generations.live(connection, projection)
    return live is not None and discards.unsettled(connection, live)


def discard(connection: Connection, catalogue: Catalogue, number: int, reason: str) -> Retried:
    """Never apply this event to this projection again, and re-derive its keys without it.

    Holds for later rebuilds too. Atomic for the discarding; then as `retry`. Raises `UnknownNumber`.
    """
    found = letter(connection, number)
    with connection.transaction():
        connection.execute(sql("projecting/discards:add"), vars(found) | {"reason": reason})
        if not found.keys:
            connection.execute(sql("projecting/dead_letters:remove"), vars(found))
    return retry(connection, catalogue, catalogue.projection(found.projection))
