"""Twelve writers, pauses, rollbacks: a reader up to the mark sees every event once, one up to the maximum does not."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from acci.store.log.high_water import establish
from acci.store.postgres.database import Connection, connect
from tests.support.histories import LONGER, append_probe, copy_probes, value

WRITERS = 12
TRANSACTIONS = 150 * LONGER  # of each writer


class Undone(Exception):
    """Ends a transaction that is meant to be rolled back."""


def write(url: str, writer: int) -> None:
    """Append in every way there is, with pauses before the commit; a quarter is rolled back."""
    dice = random.Random(writer)
    with connect(url, "writer") as connection:
        for number in range(TRANSACTIONS):
            with suppress(Undone), connection.transaction():
                way = dice.choice((append_one, append_three, append_in_savepoints, append_by_copy))
                way(connection, f"{writer}-{number}", dice)
                time.sleep(dice.choice((0, 0, 0.002, 0.01, 0.03)) * dice.random())
                if dice.random() < 0.25:
                    raise Undone


def append_one(connection: Connection, stream: str, _: random.Random) -> None:
    append_probe(connection, stream)


def append_three(connection: Connection, stream: str, dice: random.Random) -> None:
    for version in (1, 2, 3):
        append_probe(connection, stream, version)
        time.sleep(dice.random() * 0.003)


def append_in_savepoints(connection: Connection, stream: str, dice: random.Random) -> None:
    for version in (1, 2, 3):
        with suppress(Undone), connection.transaction():
            append_probe(connection, f"{stream}/{version}")
            if dice.random() < 0.5:
                raise Undone


def append_by_copy(connection: Connection, stream: str, dice: random.Random) -> None:
    copy_probes(connection, (f"{dice.getrandbits(128):032x}" for _ in range(5)), stream)


def follow_mark(url: str, writing_is_over: threading.Event) -> Counter[int]:
    """How often each position was seen by a reader that goes up to the mark."""
    seen: Counter[int] = Counter()
    checkpoint = 0
    with connect(url, "reader") as connection:
        is_last = False
        while not is_last:
            is_last = writing_is_over.is_set()
            mark = establish(connection).position
            query = "SELECT position FROM acci.events WHERE position > %s AND position <= %s"
            seen.update(row[0] for row in connection.execute(query, (checkpoint, mark)))
            checkpoint = mark
    return seen


def follow_maximum(url: str, writing_is_over: threading.Event) -> Counter[int]:
    """The same by a reader that takes the highest position it sees for its checkpoint."""
    seen: Counter[int] = Counter()
    with connect(url, "naive reader") as connection:
        is_last = False
        while not is_last:
            is_last = writing_is_over.is_set()
            query = "SELECT position FROM acci.events WHERE position > %s"
            seen.update(row[0] for row in connection.execute(query, (max(seen, default=0),)))
    return seen


def test_following_the_mark_reads_each_event_exactly_once(database_url: str) -> None:
    writing_is_over = threading.Event()
    with ThreadPoolExecutor(WRITERS + 4) as threads:
        followers = [threads.submit(follow_mark, database_url, writing_is_over) for _ in range(2)]
        naive = threads.submit(follow_maximum, database_url, writing_is_over)
        try:
            for writer in [threads.submit(write, database_url, writer) for writer in range(WRITERS)]:
                writer.result()
        finally:
            writing_is_over.set()
        with Connection.connect(database_url) as connection:
            stored = Counter(row[0] for row in connection.execute("SELECT position FROM acci.events"))
            drawn = value(connection, "SELECT last_value FROM acci.events_position_seq")

        assert len(stored) > WRITERS * TRANSACTIONS
        assert drawn > len(stored), "rolled-back appends left holes"
        for follower in followers:
            seen = follower.result()
            assert sorted((stored - seen).elements()) == [], "lost"
            assert sorted((seen - stored).elements()) == [], "doubled"
        lost = stored - naive.result()
        assert lost, "a reader that trusts the maximum loses events: else this test would prove nothing"
        print(f"{len(stored)} events, {drawn - len(stored)} holes; the naive reader lost {len(lost)}")  # noqa: T201
