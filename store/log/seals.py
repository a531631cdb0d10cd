"""Sealing: digests over ranges of the log, chained, so that a change to an old event is detected.

The last chain covers the whole log up to its seal. Keep it elsewhere: it then reveals even a change after which the
log was sealed again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

SIZE = 10_000  # positions in a seal


@dataclass(frozen=True)
class Sealed:
    """What a run sealed, and how far the log is sealed now: `chain` (hexadecimal) stands for all up to `upto`."""

    seals: int
    events: int
    upto: int
    chain: str


def seal(connection: Connection, size: int = SIZE, report: Callable[[int, int], None] = lambda *_: None) -> Sealed:
    """Seal every event up to the high-water mark that is not sealed yet, `size` positions at a time.

    Each seal is final when it commits; two at once wait for each other. `report` gets the position reached and
    the mark.
    """
    mark = high_water.establish(connection).position
    seals = events = 0
    while True:
        with connection.transaction():
            connection.execute(sql("log/seals:lock"))
            row = connection.execute(sql("log/seals:last")).fetchone()
            _, after, chain = row or (0, 0, "")
            if after >= mark:
                return Sealed(seals, events, after, chain)
            bounds = {"after": after, "upto": min(after + size, mark)}
            made = connection.execute(sql("log/seals:add"), bounds).fetchone()
        seals, events = seals + 1, events + (made[1] if made else 0)
        report(bounds["upto"], mark)
