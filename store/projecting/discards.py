"""Discards: a generation's rows are made without the discarded events, also those discarded while it is built.

A generation records which ones it left out. If others are discarded since, or one no longer is, the keys that those
events affect are re-derived before the generation is finished or published.
"""

from psycopg.types.json import Jsonb

from acci.domain.projections import Projection
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.poison_events import is_poison, record_dead_letter
from acci.store.projecting.ranges import Applier, Key
from acci.store.projecting.rederiving import rederive


def record_left_out(connection: Connection, generation: Generation) -> None:
    """Record that the generation, which has no rows yet, leaves out the events discarded so far."""
    _, now = _skipped(connection, generation)
    _record(connection, generation, now)


def unsettled(connection: Connection, generation: Generation) -> bool:
    """Whether the events discarded now differ from those that the generation left out."""
    then, now = _skipped(connection, generation)
    return {*then} != {*now}


def settle(connection: Connection, projection: type[Projection], generation: Generation, upto: int) -> None:
    """Bring the rows of a generation, applied up to `upto`, into line with the present discards.

    In the caller's transaction, which holds the generation's lock.
    """
    then, now = _skipped(connection, generation)
    changed = sorted({*then} ^ {*now})
    if not changed:
        return
    live, here = LiveReadModel(connection, projection, generation), {"generation": generation.generation}
    concerned = {
        position: _affected_keys(connection, live.applier, position) for position in changed if position <= upto
    }
    parked: list[Key] = [
        row[0] for row in connection.execute(sql("projecting/parked_keys:behind"), here | {"positions": changed})
    ]
    keys: list[Key] = list(map(list, {tuple(key) for each in (parked, *concerned.values()) for key in each}))
    done = rederive(live, keys, upto, parked_too=True)
    connection.execute(sql("projecting/dead_letters:remove_unreadable"), here | {"positions": now})
    failed = {tuple(each.key): each.error for each in done.failed}
    for position, touched in concerned.items():
        errors = [failed[tuple(key)] for key in touched if tuple(key) in failed]
        if errors and position not in now:
            record_dead_letter(connection, live.applier, generation, position, errors[0])
    connection.execute(sql("projecting/parked_keys:release"), here | {"keys": Jsonb(done.keys)})
    connection.execute(sql("projecting/dead_letters:resolve"), here)
    _record(connection, generation, now)


def _skipped(connection: Connection, generation: Generation) -> tuple[list[int], list[int]]:
    row = connection.execute(sql("projecting/discards:skipped"), {"generation": generation.generation}).fetchone()
    return row or ([], [])


def _record(connection: Connection, generation: Generation, skipped: list[int]) -> None:
    connection.execute(
        sql("projecting/discards:record_skipped"), {"generation": generation.generation, "skipped": skipped}
    )


def _affected_keys(connection: Connection, applier: Applier, position: int) -> list[Key]:
    """The keys that the event affects; none if they cannot be read."""
    try:
        with connection.transaction():
            return applier.affected_keys(connection, position)
    except Exception as error:
        if not is_poison(error):
            raise
        return []
