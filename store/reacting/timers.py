"""Timers that come due: each becomes an event of its reaction's own stream, once, in one transaction."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg import errors

from acci.store.log.append import array
from acci.store.postgres.database import Connection
from acci.store.postgres.session import take
from acci.store.postgres.statements import sql
from acci.store.postgres.tenants import enter
from acci.store.reacting.registrations import lock

MOST = 10_000  # timers in one transaction
TRIES = 5
COLUMNS = (
    "due", "ids", "versions", "schema_versions", "stream_types", "stream_keys", "event_types", "datas", "metadatas"
)  # fmt: skip


def due(connection: Connection, reactions: Sequence[str]) -> list[str]:
    """Which of these reactions have timers to fire; none that is paused."""
    rows = connection.execute(sql("reacting/timers:due"), {"reactions": list(reactions)}).fetchall()
    return [row[0] for row in rows]


def fire(connection: Connection, reaction: str, most: int = MOST) -> int:
    """Store an event for each timer that is due, `most` at once; how many. Atomic: each fires once, or stays.

    By the server's clock. Needs a login that may append, too. Raises `ReactionBusy`, `ReactionPaused`,
    `NotRegistered`, `NotAllowed`.
    """
    for _ in range(TRIES - 1):
        try:
            return _fire(connection, reaction, most)
        except errors.UniqueViolation:  # a refused command was stored in the same stream meanwhile
            continue
    return _fire(connection, reaction, most)


def _fire(connection: Connection, reaction: str, most: int) -> int:
    with connection.transaction():
        lock(connection, reaction).require_running()
        fired = connection.execute(sql("reacting/timers:take"), {"reaction": reaction, "limit": most}).fetchall()
        if fired:
            take(connection, "append")
        for tenant_id, rows in groupby(fired, key=itemgetter(0)):
            enter(connection, tenant_id, local=True)
            connection.execute(sql("reacting/timers:store"), {"tenant_id": tenant_id, **_columns(list(rows))})
    return len(fired)


def _columns(rows: list[tuple[Any, ...]]) -> dict[str, str]:
    columns = zip(*rows, strict=True)
    next(columns)  # the tenant
    return {name: array(map(str, column)) for name, column in zip(COLUMNS, columns, strict=True)}
