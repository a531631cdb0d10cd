"""Timers that fired before a rewind: their events are in the log, and are not to come a second time."""

from collections.abc import Collection
from uuid import UUID

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.effect_rows import effect_id

Setting = tuple[UUID, int]  # the event that sets a timer, and the place among its effects


def fired_before(connection: Connection, reaction: str, rewind: int, settings: Collection[Setting]) -> set[Setting]:
    """Those of the timers that fired already when they were set under an earlier rewind than this."""
    known = {
        effect_id(event_id, reaction, earlier, ordinal): (event_id, ordinal)
        for event_id, ordinal in settings
        for earlier in range(rewind)
    }
    if not known:
        return set()
    rows = connection.execute(sql("reacting/timers:fired"), {"ids": list(known)}).fetchall()
    return {known[row[0]] for row in rows}
