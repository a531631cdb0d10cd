"""Metrics for a monitoring system: read in a few milliseconds for a log of any length.

Figures that would need history are stored as they arise (batches), counted on from the last position (events), or
measured once in a while (snapshots).
"""

from dataclasses import dataclass

from acci.store.auditing.statistics import LastAudit, last_audit, open_findings
from acci.store.generations.generations import parked_keys
from acci.store.log import high_water
from acci.store.log.high_water import CurrentMark
from acci.store.log.positions import end_of_stride
from acci.store.monitoring.reactions import ReactionStatus, read_reactions
from acci.store.monitoring.status import ProjectionStatus, read_projections
from acci.store.postgres.database import Connection
from acci.store.postgres.replica import Lag
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

STRIDE = 1_000_000  # positions counted in one transaction
SNAPSHOT_BOUNDS = (256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)  # bytes
MEASURED_EVERY = 600  # seconds: all snapshots are read for it


@dataclass(frozen=True)
class Histogram:
    """How many were in each bucket (the last: beyond every bound), and the sum of what was measured."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True)
class Metrics:
    """The figures now. Batches by projection and snapshots by aggregate; rebuilds: done, from 0 to 1.

    `replica` is how far the one that reads go to is behind; None if there is none, or it was not asked for.
    """

    mark: CurrentMark
    events: dict[str, int]
    projections: tuple[ProjectionStatus, ...]
    parked: dict[str, int]
    batches: dict[str, Histogram]
    snapshots: dict[str, Histogram]
    rebuilds: dict[str, float]
    findings: dict[tuple[str, str], int]
    audit: LastAudit | None
    replica: Lag | None = None
    reactions: tuple[ReactionStatus, ...] = ()


def read_metrics(connection: Connection, catalogue: Catalogue) -> Metrics:
    """The figures now. The high-water mark is not moved, so that its age shows. Safe for concurrent scrapes.

    A standby shows what was counted and measured on its primary.
    """
    mark = high_water.current(connection)
    events = counted(connection) if mark.standby else count_events(connection, min(mark.position, mark.head))
    rebuilds = {name: done for name, _, done in connection.execute(sql("monitoring/metrics:rebuilds")).fetchall()}
    return Metrics(
        mark,
        events,
        read_projections(connection, catalogue, mark.head),
        parked_keys(connection),
        _batches(connection),
        _snapshots(connection, measure=not mark.standby),
        rebuilds,
        open_findings(connection),
        last_audit(connection),
        reactions=read_reactions(connection, catalogue, mark.head),
    )


def count_events(connection: Connection, upto: int, strides: int | None = None) -> dict[str, int]:
    """Events by type, up to a position at or below the mark; each is counted once, also by concurrent calls.

    With `strides`, at most so many are counted now; the rest is left to the next call.
    """
    stride, reached = STRIDE, 0
    while reached < upto and strides != 0:
        strides = None if strides is None else strides - 1
        row = connection.execute(sql("monitoring/metrics:count_events"), {"upto": upto, "stride": stride}).fetchone()
        if row is None:
            break
        reached = row[0]
        stride = end_of_stride(connection, reached, STRIDE, upto) - reached
    return counted(connection)


def counted(connection: Connection) -> dict[str, int]:
    """Events by type, as far as they were counted."""
    return dict(connection.execute(sql("monitoring/metrics:event_counts")).fetchall())


def _batches(connection: Connection) -> dict[str, Histogram]:
    row = connection.execute(sql("monitoring/metrics:batch_bounds")).fetchone()
    bounds = tuple(row[0]) if row else ()
    return _histograms(bounds, connection.execute(sql("monitoring/metrics:batch_durations")).fetchall())


def _snapshots(connection: Connection, *, measure: bool) -> dict[str, Histogram]:
    if measure:
        parameters = {"bounds": list(SNAPSHOT_BOUNDS), "seconds": MEASURED_EVERY}
        connection.execute(sql("monitoring/metrics:measure_snapshots"), parameters)
    row = connection.execute(sql("monitoring/metrics:snapshot_sizes")).fetchone()
    return _histograms(SNAPSHOT_BOUNDS, row[0] if row else [])


def _histograms(bounds: tuple[float, ...], rows: list[tuple[str, int, int, float]]) -> dict[str, Histogram]:
    """Histograms by name, from rows (name, bucket, count, sum)."""
    counts: dict[str, list[int]] = {}
    totals: dict[str, float] = {}
    for name, bucket, many, total in rows:
        counts.setdefault(name, [0] * (len(bounds) + 1))[bucket] = many
        totals[name] = totals.get(name, 0) + total
    return {name: Histogram(bounds, tuple(found), totals[name]) for name, found in counts.items()}
