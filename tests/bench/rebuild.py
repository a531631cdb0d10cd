"""How long a rebuild takes, beside the best hand-written SQL that makes the same table with the same indexes."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from acci.domain.projections import Projection
from acci.domain.users.user_view import UserView
from acci.store.generations import lifecycle
from acci.store.generations.generations import Partition
from acci.store.postgres.database import connect
from acci.store.rebuilding import new_generation, publish
from acci.store.rebuilding.partitions import useful_partitions
from tests.bench.activity import ActivityByDay, Complaints, UserRows
from tests.bench.ground import CATALOGUE, Ground
from tests.bench.hand import Hand
from tests.bench.rows import Row
from tests.bench.turns import medians

PROMISE = "≤ 1.15"
PARTITIONS = 2


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """Four read models; the ratio is to the fastest hand-written way."""
    url = ground.history(events)
    return [
        *_contest(Hand(url, UserView), url, turns),
        *_contest(Hand(url, UserRows, like="user_view"), url, turns),
        *_contest(Hand(url, ActivityByDay), url, turns),
        *_contest(Hand(url, Complaints), url, turns, ""),  # a few milliseconds by hand, beside fixed costs
    ]


def _contest(hand: Hand, url: str, turns: int, promise: str = PROMISE) -> list[Row]:
    projection = hand.projection
    ways = {f"by hand: {way}": partial(hand.rebuild, way) for way in hand.ways("rebuild")}
    ours = f"ACCI, {PARTITIONS} partitions"
    taken = medians({ours: partial(rebuild, url, projection)} | ways, turns)
    with connect(url, "bench") as connection:
        hand.check(connection)
    best = min(taken[way] for way in ways)
    rows = [Row(f"{projection.name}, {way}", taken[way], "s") for way in ways]
    return [*rows, Row(f"{projection.name}, {ours}", taken[ours], "s", taken[ours] / best, promise)]


def rebuild(url: str, projection: type[Projection], partitions: int = PARTITIONS) -> float:
    """The seconds from nothing to a published generation, each partition on a connection of its own."""
    with connect(url, "bench") as connection:
        lifecycle.retain(connection, projection.name, 0)
        connection.execute("CHECKPOINT")
        begin = time.perf_counter()
        useful = useful_partitions(projection, partitions)
        generation, parts = new_generation.begin(connection, CATALOGUE, projection, useful)

        def fill(part: Partition) -> None:
            with connect(url, "bench") as own:
                new_generation.fill(own, projection, generation, part)

        with ThreadPoolExecutor(partitions) as pool:
            list(pool.map(fill, parts))
        publish.publish(connection, projection, new_generation.finish(connection, projection, generation))
        return time.perf_counter() - begin
