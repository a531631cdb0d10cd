"""Prewarming: events on disk are read forwards into memory before a fold reads them backwards.

Operating systems read ahead only forwards. Backwards, page by page, 1 M events took 6 s from a disk; forwards 0.7 s.
"""

import time

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

WORTHWHILE = 10_000  # positions: for fewer it makes no difference
PROBES = 32
COLD = 0.003  # seconds for the probes: a page in memory takes a few microseconds, from a disk a hundred or more


def read_ahead(connection: Connection, after: int, upto: int) -> None:
    """Read the events in (after, upto] into memory, as far as they fit. Costs nothing if they are there already."""
    if upto - after < WORTHWHILE:
        return
    step = (upto - after) // PROBES
    # Twice, at different events, since a busy machine may be slow once.
    if all(_is_slow(connection, list(range(after + start, upto + 1, step))) for start in (1, step // 2)):
        connection.execute(sql("projecting/prewarm:read"), {"after": after, "upto": upto})


def _is_slow(connection: Connection, positions: list[int]) -> bool:
    began = time.perf_counter()
    connection.execute(sql("projecting/prewarm:probe"), {"positions": positions})
    return time.perf_counter() - began > COLD
