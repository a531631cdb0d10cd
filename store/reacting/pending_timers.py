"""Timers that have not fired."""

from dataclasses import dataclass
from datetime import datetime

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

TIMERS = 100


@dataclass(frozen=True)
class PendingTimer:
    """A timer that has not fired. `kind`: event, command, message or flow; set by the event at `position`."""

    reaction: str
    tenant_id: str
    key: str
    name: str
    due: datetime
    kind: str
    topic: str
    position: int
    rewind: int


def pending_timers(
    connection: Connection,
    reaction: str | None = None,
    tenant_id: str | None = None,
    key: str | None = None,
    limit: int = TIMERS,
) -> list[PendingTimer]:
    """The timers that fire next, at most `limit`."""
    wanted = {"reaction": reaction, "tenant_id": tenant_id, "key": key, "limit": limit}
    return [PendingTimer(*row) for row in connection.execute(sql("reacting/timers:list"), wanted).fetchall()]
