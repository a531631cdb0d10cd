"""How long catching up takes in batches of 50,000 events, beside the best hand-written SQL for a batch."""

import time
from functools import partial

from psycopg import sql as identifiers

from acci.domain.projections import Projection
from acci.domain.users.user_view import UserView
from acci.store.generations import generations
from acci.store.postgres.database import connect
from acci.store.projecting import batches
from tests.bench.activity import ActivityByDay, Complaints, UserRows
from tests.bench.ground import CATALOGUE, Ground, text
from tests.bench.hand import Hand
from tests.bench.rows import Row
from tests.bench.turns import medians

PROMISE = "≤ 1.25"
BATCH_SIZE = 50_000


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """Four read models, from the first event to the last; the ratio is to the fastest hand-written way."""
    url = ground.history(events)
    return [
        *_contest(Hand(url, UserView), url, events, turns),
        *_contest(Hand(url, UserRows, like="user_view"), url, events, turns),
        *_contest(Hand(url, ActivityByDay), url, events, turns),
        *_contest(Hand(url, Complaints), url, events, turns, ""),  # a few milliseconds per batch, beside fixed costs
    ]


def _contest(hand: Hand, url: str, events: int, turns: int, promise: str = PROMISE) -> list[Row]:
    projection = hand.projection
    ways = {f"by hand: {way}": partial(hand.catch_up, way, events, BATCH_SIZE) for way in hand.ways("catch_up")}
    taken = medians({"ACCI": partial(catch_up, url, projection)} | ways, turns)
    with connect(url, "bench") as connection:
        hand.check(connection)
    best = max(events / taken[way] for way in ways)
    rows = [Row(f"{projection.name}, {way}", events / taken[way], "events/s") for way in ways]
    rate = events / taken["ACCI"]
    return [*rows, Row(f"{projection.name}, ACCI", rate, "events/s", best / rate, promise)]


def catch_up(url: str, projection: type[Projection], batch_size: int | None = BATCH_SIZE) -> float:
    """The seconds from an empty live read model to one that is at the log's end."""
    with connect(url, "bench") as connection:
        generation = generations.live(connection, projection.name)
        if generation is None:
            raise generations.NotBuilt(projection.name)
        table = identifiers.Identifier(generation.schema, projection.name)
        connection.execute(identifiers.SQL("TRUNCATE {}").format(table))
        connection.execute(text("start_again"), {"generation": generation.generation})
        connection.execute("CHECKPOINT")
        begin = time.perf_counter()
        batches.catch_up(connection, CATALOGUE, projection, batch_size)
        return time.perf_counter() - begin
