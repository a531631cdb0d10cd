"""What an event costs as the log grows: to rebuild, to catch up, in memory of the Python process, on disk.

100,000 and 1,000,000 events, and as many as `--growth` says. At most 1.3 times the cost of an event among a million is
promised for more, and less than 200 MB for the process, for any length.
"""

import statistics

from acci.domain.projections import Projection
from acci.store.postgres.database import connect
from tests.bench import alone
from tests.bench.activity import ActivityByDay, UserFold, UserRows
from tests.bench.ground import Ground, text
from tests.bench.rows import Row

LENGTHS = (100_000, 1_000_000)
PROJECTIONS: tuple[type[Projection], ...] = (UserRows, ActivityByDay, UserFold)
FOLDED = 1_000_000  # events at most for the fold in Python, whose cost an event is known from fewer
PROMISE, MEMORY_PROMISE, TURNS = "≤ 1.3", "≤ 200", 3
MEGABYTE = 1e6


def measure(ground: Ground, events: int, growth: int, turns: int) -> list[Row]:
    """For each length in turn; lengths beyond `events` only if `growth` asks for them."""
    lengths = sorted({min(length, events) for length in LENGTHS} | ({growth} if growth else set()))
    rows: list[Row] = []
    costs: dict[tuple[str, str], dict[int, float]] = {}
    for length in lengths:
        url = ground.history(length)
        for projection in PROJECTIONS:
            if projection is UserFold and length > FOLDED:
                continue
            times = 1 if projection is UserFold else min(turns, TURNS)  # a minute each
            for what in ("rebuild", "catch-up"):
                known = costs.setdefault((projection.name, what), {})
                rows += _cost(url, projection, what, length, known, times)
        rows += _sizes(url, length)
    return rows


def _cost(
    url: str, projection: type[Projection], what: str, length: int, known: dict[int, float], turns: int
) -> list[Row]:
    """The time an event takes, and the memory; `known` has the shorter logs' time, and then this one's."""
    done = [alone.measure(url, what, projection.name) for _ in range(turns)]
    known[length] = statistics.median(each.seconds for each in done) / length * 1e6
    name = f"{what} of {projection.name}, {length:,} events"
    shorter = known.get(max(LENGTHS))
    ratio = known[length] / shorter if shorter and length > max(LENGTHS) else None
    promise = PROMISE if ratio is not None else ""
    memory = max(each.megabytes for each in done)
    return [
        Row(name, known[length], "µs an event", ratio, promise, f"{what} of {projection.name}", length, "events"),
        Row(f"{name}, memory of the process at most", memory, "MiB", None, MEMORY_PROMISE),
    ]


def _sizes(url: str, length: int) -> list[Row]:
    """The table's size on disk and each index's; the ratio is the share of the whole."""
    with connect(url, "bench") as connection:
        sizes: dict[str, int] = dict(connection.execute(text("sizes")).fetchall())
    whole = sum(sizes.values())
    rows = [Row(f"{name}, {length:,} events", size / MEGABYTE, "MB", size / whole) for name, size in sizes.items()]
    indexes = whole - sizes["the table"]
    return [
        *rows,
        Row(f"all indexes, {length:,} events", indexes / MEGABYTE, "MB", indexes / whole),
        Row(f"events and indexes, {length:,} events", whole / length, "bytes an event"),
    ]
