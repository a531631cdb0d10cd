"""Workers, the receiver and PostgreSQL are killed at any moment while reactions are under load.

At the end a receiver that keeps idempotency keys has each message once and in order per key, commands took effect once,
no timer is lost, and what is poison has held up its own key only. ACCI_TEST_SECONDS says for how long.
"""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from acci.domain.errors import AcciError, ConcurrencyError
from acci.domain.events import Event, EventMetadata, StreamId
from acci.store.embedded.ports import free_port
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.migrations import migrate
from acci.store.reacting.registrations import register
from acci.store.registry import load
from tests.domains.shipping import ParcelSent
from tests.support.doomed import Doomed
from tests.support.histories import value

SECONDS = float(os.environ.get("ACCI_TEST_SECONDS", "20"))
WORKERS, PAUSE, PATIENCE = 2, 0.004, 120.0  # processes, seconds, seconds
CATALOGUE = load(["tests.domains.shipping"])


class Receiver:
    """Keeps what comes in a file, which outlives it."""

    def __init__(self, folder: Path) -> None:
        self.port, self.file = free_port(), folder / "messages"
        self.url = f"http://127.0.0.1:{self.port}/parcels"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.keeping_receiver", str(self.port), str(self.file)]
        self.process = subprocess.Popen(command)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def messages(self) -> list[tuple[str, str, int, int, int]]:
        """Reaction, key, rewind, position and ordinal of each, in the order in which they first came."""
        with sqlite3.connect(self.file) as kept:
            return kept.execute("SELECT reaction, key, rank, position, ordinal FROM messages ORDER BY place").fetchall()


class Workers:
    """So many processes that react and deliver; one that is killed is started again."""

    def __init__(self, url: str, receiver: str) -> None:
        self._command = [sys.executable, "-m", "tests.support.reacting_worker", url, receiver]
        self.processes = [self._start() for _ in range(WORKERS)]

    def kill_one(self) -> None:
        place = random.randrange(WORKERS)
        self.processes[place].kill()
        self.processes[place].wait()
        self.processes[place] = self._start()

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command)


class Load:
    """Sends parcels, again and again until each is stored; some that cannot be announced, some that nobody takes."""

    def __init__(self, url: str) -> None:
        self.parcels: dict[str, int] = {}
        self._url, self._stop = url, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with Database(self._url, 2, "append") as database:
            store = EventStore(database, CATALOGUE)
            while not self._stop.is_set():
                number = len(self.parcels)
                parcel = f"gone-{number}" if number % 50 == 7 else f"parcel-{number}"
                weight = 0 if number % 50 == 8 else 1
                self._send(store, parcel, weight)
                self.parcels[parcel] = weight
                time.sleep(PAUSE)

    def _send(self, store: EventStore, parcel: str, weight: int) -> None:
        data = ParcelSent(to="ann", weight=weight)
        about = EventMetadata("t", "c")
        event = Event(uuid4(), parcel, "Parcel", "ParcelSent", 1, data, about, datetime.now(UTC))
        while True:
            try:
                with suppress(ConcurrencyError):  # it was stored, and the answer was lost
                    store.append(StreamId("t", "Parcel", parcel), 0, [event])
            except (psycopg.OperationalError, AcciError) as error:
                if isinstance(error, AcciError) and not error.transient:
                    raise
                time.sleep(0.05)
            else:
                return


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Doomed]:
    server = Doomed(tmp_path / "postgres")
    yield server
    server.stop()


def test_each_message_arrives_once_and_in_order_whatever_is_killed(doomed: Doomed, tmp_path: Path) -> None:
    url = doomed.start()
    port = int(url.rpartition("/")[0].rpartition(":")[2])
    migrate(url)
    with connect(url, "test") as connection:
        for reaction in CATALOGUE.reactions.values():
            register(connection, reaction)
    receiver, load_ = Receiver(tmp_path), Load(url)
    workers = Workers(url, receiver.url)
    try:
        kills = _kill(SECONDS, workers, receiver, doomed, port)
        load_.end()
        with connect(url, "test") as connection:
            _await_end(connection)
            _require_right(connection, load_.parcels, receiver)
    finally:
        load_.end()
        workers.end()
        receiver.kill()
    assert {"worker", "receiver"} <= kills


def _kill(seconds: float, workers: Workers, receiver: Receiver, doomed: Doomed, port: int) -> set[str]:
    """One after the other; a worker most often."""
    end, kills = time.monotonic() + seconds, set()
    while time.monotonic() < end:
        time.sleep(random.uniform(0.2, 2.5))
        kind = random.choices(("worker", "receiver", "PostgreSQL"), (5, 3, 2))[0]
        kills.add(kind)
        if kind == "worker":
            workers.kill_one()
        elif kind == "receiver":
            receiver.kill()
            time.sleep(random.uniform(0, 0.5))
            receiver.start()
        else:
            doomed.kill()
            doomed.start_again(port)
    return kills


def _await_end(connection: Connection) -> None:
    """Until nothing waits to be decided, fired or delivered, but what waits behind a dead letter."""
    deadline = time.monotonic() + PATIENCE
    while left := _left(connection):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def _left(connection: Connection) -> list[tuple[object, ...]]:
    """What waits: how much of it, by reaction, with how far it is or how often it was tried."""
    return connection.execute(
        """SELECT 'behind', reaction, checkpoint::text, (SELECT max(position) FROM acci.events) FROM acci.reactions
           WHERE checkpoint < (SELECT max(position) FROM acci.events)
           UNION ALL SELECT 'timers', reaction, max(due)::text, count(*) FROM acci.timers WHERE reaction = 'chaser'
           GROUP BY reaction
           UNION ALL SELECT 'undelivered', reaction, max(tries) || ' tries, due ' || max(due), count(*)
           FROM acci.outbox_heads WHERE due <> 'infinity' GROUP BY reaction"""
    ).fetchall()


def _require_right(connection: Connection, parcels: dict[str, int], receiver: Receiver) -> None:
    messages = receiver.messages()
    taken = {parcel for parcel in parcels if not parcel.startswith("gone")}
    announced = [key for reaction, key, *_ in messages if reaction.endswith("announcement")]
    chased = [key for reaction, key, *_ in messages if reaction.endswith("chaser")]
    assert sorted(announced) == sorted(parcel for parcel in taken if parcels[parcel])
    assert sorted(chased) == sorted(taken)
    of_key: defaultdict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for reaction, key, *rank in messages:
        of_key[reaction, key].append((rank[0], rank[1], rank[2]))
    assert [ranks for ranks in of_key.values() if ranks != sorted(ranks)] == []
    labels = "SELECT count(*), count(DISTINCT aggregate_id) FROM acci.events WHERE event_type = 'LabelPrinted'"
    assert connection.execute(labels).fetchone() == (len(parcels), len(parcels))
    fired = "SELECT count(*) FROM acci.events WHERE event_type = 'ParcelOverdue' AND aggregate_type = 'Chaser'"
    assert value(connection, fired) == len(parcels)
    undecided = connection.execute("SELECT key FROM acci.undecided WHERE error IS NOT NULL").fetchall()
    assert sorted(key for (key,) in undecided) == sorted(parcel for parcel, weight in parcels.items() if not weight)
    dead = connection.execute("SELECT DISTINCT key FROM acci.outbox_heads WHERE due = 'infinity'").fetchall()
    assert sorted(key for (key,) in dead) == sorted(set(parcels) - taken)
