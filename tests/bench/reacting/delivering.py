"""Delivering to a receiver on this machine by one worker: how many a second, and how long from commit to arrival.

Worker and receiver are processes of their own. The time counts from when an append was acknowledged until the receiver
had the message, while so many events a second are appended.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from acci.store.log import high_water
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.reacting.batches import Batcher
from acci.store.reacting.registrations import register
from tests.bench.append_latency import new_event
from tests.bench.ground import Ground
from tests.bench.reacting.domain import CATALOGUE, MessageForEach
from tests.bench.rows import PERCENTILES, Row, percentile

MESSAGES, RATE, SECONDS, BRIEF, PATIENCE = 10_000, 200, 20.0, 3.0, 120.0
RATE_PROMISE, LATE_PROMISE = "≥ 1000", "≤ 500"


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """Rows of both; briefly, if one turn is asked for."""
    many = min(events, MESSAGES)
    late = _lateness(ground.database(), SECONDS if turns > 1 else BRIEF)
    rows = [Row("messages delivered by one worker", _rate(ground, many), "1/s", None, RATE_PROMISE)]
    for percent in PERCENTILES:
        promise = LATE_PROMISE if percent == 95 else ""
        waited = percentile(late, percent) * 1000
        rows.append(Row(f"from commit to arrival at {RATE} events/s, p{percent}", waited, "ms", None, promise))
    return rows


def _rate(ground: Ground, many: int) -> float:
    """Of so many messages that wait already."""
    url = ground.database()
    with connect(url, "bench") as connection:
        _fill(connection, url, many)
        with _receiver() as port, _worker(url, port):
            _await(lambda: _delivered(connection) > 0)
            before, began = _delivered(connection), time.perf_counter()
            _await(lambda: _delivered(connection) == many)
            return (many - before) / (time.perf_counter() - began)


def _fill(connection: Connection, url: str, many: int) -> None:
    with Database(url, size=1) as database:
        EventStore(database, CATALOGUE).append_in_bulk([new_event() for _ in range(many)])
    register(connection, MessageForEach, "beginning")
    mark, batcher = high_water.establish(connection).position, Batcher(connection, CATALOGUE, MessageForEach)
    while batcher.decide(mark).checkpoint < mark:
        pass


def _lateness(url: str, seconds: float) -> list[float]:
    """What each message of a steady stream of events took, in seconds."""
    commits: dict[str, float] = {}
    with connect(url, "bench") as connection, _receiver() as port:
        register(connection, MessageForEach, "beginning")
        with _worker(url, port), Database(url, size=1) as database:
            store = EventStore(database, CATALOGUE)
            first = new_event()
            store.append(first.stream, 0, [first])
            _await(lambda: first.aggregate_id in _arrivals(port))
            begin = time.perf_counter()
            for number in range(int(RATE * seconds)):
                time.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
                event = new_event()
                store.append(event.stream, 0, [event])
                commits[event.aggregate_id] = time.time()
            _await(lambda: len(_arrivals(port)) > len(commits))
            arrivals = _arrivals(port)
    return [max(0.0, arrivals[user] - committed) for user, committed in commits.items()]


def _delivered(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM acci.deliveries").fetchone()
    return int(row[0]) if row else 0


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + PATIENCE
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"the worker did not come to its end within {PATIENCE:g} s")
        time.sleep(0.02)


def _arrivals(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        found: dict[str, float] = json.load(answer)
        return found


@contextmanager
def _receiver() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.bench.reacting.receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("the receiver has no output")
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextmanager
def _worker(url: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.reacting.worker", url, str(port), MessageForEach.name]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()
