"""How late a read model is that is followed, from an append's commit until its checkpoint is there for readers.

The follower is a process of its own, looking as often as `acci follow` does. pgbench appends from several connections,
so many a second; among them a probe appends, and remembers when its appends were committed. The promise is on what 95 %
of them had to wait at 500 appends a second.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from acci.domain.users.user_view import UserView
from acci.store.generations import generations
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.statements import sql
from acci.store.rebuilding import build
from tests.bench import pgbench
from tests.bench.append_latency import new_event
from tests.bench.ground import CATALOGUE, Ground
from tests.bench.rows import PERCENTILES, Row, percentile

RATES, PROMISED_AT, PROMISE = (100, 500, 1000, 2000), 500, "≤ 500"
INTERVAL = 0.1  # seconds, as `acci follow` looks
WRITERS, SECONDS, BRIEF, WARM_UP, PATIENCE = 8, 10.0, 3.0, 2.0, 30.0
PROBE_PAUSE, LOOK_PAUSE = 0.03, 0.004  # seconds: what the probe waits between appends; how exact the times are

Moments = list[tuple[int, float]]  # a position, and when it was reached


def measure(ground: Ground, turns: int) -> list[Row]:
    """Each rate on a log of its own, for ten seconds; briefly, if one turn is asked for."""
    rows: list[Row] = []
    for rate in RATES:
        late, reached = _lateness(ground, rate, SECONDS if turns > 1 else BRIEF)
        rows.append(Row(f"appends done of {rate} asked for a second", reached, "1/s", reached / rate))
        for percent in PERCENTILES:
            name = f"{UserView.name} late at {rate} appends/s, p{percent}"
            promise = PROMISE if (rate, percent) == (PROMISED_AT, 95) else ""
            waited = percentile(late, percent) * 1000
            rows.append(Row(name, waited, "ms", None, promise, f"p{percent}", rate, "appends/s"))
    return rows


def _lateness(ground: Ground, rate: int, seconds: float) -> tuple[list[float], float]:
    """The seconds that each of the probe's appends was late, and the appends a second in all."""
    url = ground.database()
    with connect(url, "bench") as connection:
        build.rebuild(connection, CATALOGUE, UserView)
        lasting = seconds + WARM_UP + 2 * PATIENCE
        with _follower(url), pgbench.load(url, pgbench.append(), WRITERS, rate, lasting), ThreadPoolExecutor() as pool:
            _wait_for_the_first_batch(connection)
            time.sleep(WARM_UP)
            before, began = _head(connection), time.perf_counter()
            probing = pool.submit(_probe, url, seconds)
            looks = _looks(connection, probing)
            reached = (_head(connection) - before) / (time.perf_counter() - began)
    return _waited(probing.result(), looks), reached


def _wait_for_the_first_batch(connection: Connection) -> None:
    """Return once the follower is at work: what its start takes is not what is measured."""
    deadline = time.perf_counter() + PATIENCE
    while _checkpoint(connection) == 0:
        if time.perf_counter() > deadline:
            raise TimeoutError(f"the follower applied nothing within {PATIENCE:g} s")
        time.sleep(LOOK_PAUSE)


def _probe(url: str, seconds: float) -> Moments:
    """Append now and then; each append's position, and the moment when it was committed."""
    commits: Moments = []
    with Database(url, size=1) as database:
        store, end = EventStore(database, CATALOGUE), time.perf_counter() + seconds
        while time.perf_counter() < end:
            event = new_event()
            (recorded,) = store.append(event.stream, 0, [event])
            commits.append((recorded.position, time.perf_counter()))
            time.sleep(PROBE_PAUSE)
    return commits


def _looks(connection: Connection, probing: "Future[Moments]") -> Moments:
    """The checkpoint, over and over, until all that the probe appended is there, or patience is at its end."""
    looks: Moments = []
    end, last = float("inf"), -1
    while not looks or looks[-1][1] < end:
        looks.append((_checkpoint(connection), time.perf_counter()))
        if probing.done():
            if end == float("inf"):
                end, last = time.perf_counter() + PATIENCE, probing.result()[-1][0]
            if looks[-1][0] >= last:
                break
        time.sleep(LOOK_PAUSE)
    return looks


def _waited(commits: Moments, looks: Moments) -> list[float]:
    """How long each commit had to wait; one that was never seen, until the last look."""
    late, look = [], iter(looks)
    checkpoint, seen = next(look)
    for position, committed in commits:
        while checkpoint < position:
            found = next(look, None)
            if found is None:
                break
            checkpoint, seen = found
        late.append(max(0.0, seen - committed))
    return late


def _checkpoint(connection: Connection) -> int:
    generation = generations.live(connection, UserView.name)
    return generation.checkpoint if generation else 0


def _head(connection: Connection) -> int:
    row = connection.execute(sql("log/events:last_position")).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _follower(url: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.follower", url, str(INTERVAL), UserView.name]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()
