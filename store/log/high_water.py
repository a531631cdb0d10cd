"""The high-water mark: the highest position at and below which nothing can still appear.

The candidate is the last position drawn; it is final once every transaction that was appending when it was drawn
has ended. Writers are not touched, and transactions that do not append do not matter.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


@dataclass(frozen=True)
class Holder:
    """A transaction that has appended and not ended: `who` is its name for people, `since` is when it began.

    One that is `committed` waits for a synchronous standby's confirmation; do not terminate it.
    """

    pid: int | None
    who: str
    state: str
    since: datetime | None
    committed: bool = False


@dataclass(frozen=True)
class HighWater:
    """`position` is the mark, `head` the last position drawn; `holders` keep the mark from reaching the head.

    A `standby` knows the mark as its primary established it, and its head is the last event that it has.
    """

    position: int
    head: int
    holders: tuple[Holder, ...] = ()
    standby: bool = False


@dataclass(frozen=True)
class CurrentMark:
    """The mark as last established; reading it does not move it.

    `behind`, in seconds: how long the oldest event above it has waited, or its holder has been appending; 0 while the
    mark is at the head, or no event is stored above it.
    """

    position: int
    head: int
    established_at: datetime
    behind: float
    holders: tuple[Holder, ...]
    standby: bool = False


def current(connection: Connection) -> CurrentMark:
    """The mark as stored. It is not moved, so that a mark which no process moves is noticed."""
    row = connection.execute(sql("log/high_water:waiting")).fetchone()
    position, head, established_at, appending, waiting, standby = row or (0, 0, datetime.now(UTC), [], None, False)
    holders = holders_of(connection, set(appending)) if appending and position < head else ()
    now = datetime.now(UTC)
    held = [(now - holder.since).total_seconds() for holder in holders if holder.since is not None]
    behind = round(max([0.0, waiting or 0.0, *held]), 3)
    return CurrentMark(position, head, established_at, behind, holders, standby)


def establish(connection: Connection, patience: float = 0.2) -> HighWater:
    """The mark now, stored for every process; waits at most `patience` seconds for appends under way.

    Every event at or below it is visible to a statement that begins afterwards, and none can be added. If a
    transaction holds it longer, the last established mark is returned with its holders; likewise on a standby, and
    where the sequence of positions is behind the log (see `acci health`).
    """
    # Never inside a transaction that has a snapshot: it could be older than the mark.
    row = connection.execute(sql("log/high_water:candidate")).fetchone()
    candidate, holders, standby, head = row or (0, None, False, 0)
    if holders is None:
        return HighWater(candidate, head, standby=standby)
    holding, pause, deadline = set(holders), 0.001, time.monotonic() + patience
    while holding and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 2, 0.02)
        still = connection.execute(sql("log/high_water:appending")).fetchone()
        holding &= set(still[0] if still else ())
    if holding:
        return HighWater(last(connection), head, holders_of(connection, holding))
    connection.execute(sql("log/high_water:raise"), {"position": head})
    return HighWater(head, head)


def end_before(connection: Connection, checkpoint: int, head: int) -> int | None:
    """The end of the log, if that is below `checkpoint`; `head` is where it ended just before.

    Since `head` was read, events may have been appended and applied, so a checkpoint above it proves nothing.
    """
    if checkpoint <= head:
        return None
    row = connection.execute(sql("log/high_water:candidate")).fetchone()
    now = int(row[3]) if row else 0
    return now if checkpoint > now else None


def last(connection: Connection) -> int:
    """The mark as last established: valid, but perhaps lower than it could be."""
    row = connection.execute(sql("log/high_water:last")).fetchone()
    return int(row[0]) if row else 0


def holders_of(connection: Connection, transactions: set[str]) -> tuple[Holder, ...]:
    rows = connection.execute(sql("log/high_water:holders"), {"holders": sorted(transactions)}).fetchall()
    return tuple(
        Holder(
            pid,
            f"prepared transaction {gid!r}" if gid else f"{user} ({application})",
            "waits for a synchronous standby" if committed else state or "prepared",
            since,
            committed,
        )
        for _, pid, user, application, state, since, gid, committed in rows
    )
