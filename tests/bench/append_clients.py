"""How many appends a second Python clients do: EventStore, a bare prepared INSERT by the same driver, the library.

One process, so many threads on a connection each, every append for a stream of its own, by all three in turns.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import load
from tests.bench import library
from tests.bench.append_latency import BARE, bare_row, new_event
from tests.bench.rows import Row, latencies

THREADS, SECONDS, TURNS = (1, 8), 2.0, 3
Act = Callable[[], object]


def measure(database_url: str, turns: int) -> list[Row]:
    """The ratio is to the library with as many threads."""
    return [row for threads in THREADS for row in _contest(database_url, threads, min(turns, TURNS))]


def _contest(url: str, threads: int, turns: int) -> list[Row]:
    rates: dict[str, list[float]] = {}
    taken: dict[str, list[float]] = {}
    with _bare(url, threads) as bare, _ours(url, threads) as ours, _library(url, threads) as other:
        acts = {"bare prepared INSERT over psycopg": bare, library.NAME: other, "EventStore.append": ours}
        for _ in range(turns):
            for name, act in acts.items():
                began = time.perf_counter()
                seconds = _together(act, threads)
                rates.setdefault(name, []).append(len(seconds) / (time.perf_counter() - began))
                taken.setdefault(name, []).extend(seconds)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    rows: list[Row] = []
    for name, rate in medians.items():
        what = f"{name}, {threads} thread{'s' * (threads > 1)}"
        rows.append(Row(what, rate, "1/s", rate / medians[library.NAME] if name == "EventStore.append" else None))
        rows += latencies(what, taken[name])
    return rows


def _together(act: Act, threads: int) -> list[float]:
    """The seconds that each act took, over so many threads for so long."""
    end = time.perf_counter() + SECONDS

    def one(_: int) -> list[float]:
        seconds = []
        while (began := time.perf_counter()) < end:
            act()
            seconds.append(time.perf_counter() - began)
        return seconds

    with ThreadPoolExecutor(threads) as pool:
        return [each for found in pool.map(one, range(threads)) for each in found]


@contextmanager
def _bare(url: str, threads: int) -> Iterator[Act]:
    with Database(url, size=threads) as database:

        def act() -> None:
            with database.connection() as connection:
                connection.execute(BARE, bare_row(new_event())).fetchone()

        yield act


@contextmanager
def _ours(url: str, threads: int) -> Iterator[Act]:
    with Database(url, size=threads) as database:
        store = EventStore(database, load(["acci.domain.users"]))

        def act() -> None:
            event = new_event()
            store.append(event.stream, 0, [event])

        yield act


@contextmanager
def _library(url: str, threads: int) -> Iterator[Act]:
    with library.people(url, threads) as people:
        yield lambda: people.save(library.Person(email="ann@example.com", name="Ann Example"))
