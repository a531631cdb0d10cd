"""A worker that is killed holds its keys until its lease ends; then everything arrives, and once by its id."""

import subprocess
import sys
import threading
from collections import Counter

from acci.store.postgres.database import Connection
from tests.support.delivering_worker import LEASE
from tests.support.histories import value
from tests.support.outboxes import fill, register, row
from tests.support.prefect_server import wait_for
from tests.support.receivers import Received, Receiver, well

KEYS, EACH = 10, 3
ROWS = [row(number, f"k{number % KEYS}") for number in range(1, KEYS * EACH + 1)]


def worker(database_url: str, receiver: Receiver) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "tests.support.delivering_worker", database_url, receiver.url])


def test_what_a_killed_worker_held_arrives_after_its_lease_and_once_by_its_id(
    database_url: str, connection: Connection
) -> None:
    gone = threading.Event()

    def hanging(_: Received) -> tuple[int, dict[str, str]]:
        gone.wait(60)
        return 204, {}

    register(connection)
    fill(connection, *ROWS)
    with Receiver(hanging) as receiver:
        first = worker(database_url, receiver)
        try:
            wait_for(lambda: len(receiver.received) == KEYS, 60, "a message of each key is under way", 0.02)
        finally:
            first.kill()
            first.wait()
        leases = connection.execute("SELECT lease, due FROM acci.outbox_heads").fetchall()
        assert len({lease for lease, _ in leases}) == 1
        assert len(leases) == KEYS
        ends = min(due for _, due in leases)
        receiver.answer = well
        gone.set()
        second = worker(database_url, receiver)
        try:
            wait_for(lambda: not value(connection, "SELECT count(*) FROM acci.outbox"), 60 + LEASE, "all has arrived")
        finally:
            second.kill()
            second.wait()
        times = Counter(each.headers["webhook-id"] for each in receiver.received)
        again = {each.event["position"] for each in receiver.received[:KEYS]}
        later = [each for each in receiver.received[KEYS:] if each.event["position"] in again]
    assert (len(times), sorted(set(times.values()))) == (len(ROWS), [1, 2])
    assert sum(times.values()) == len(ROWS) + KEYS, "again came only what was under way"
    assert min(each.at for each in later) >= ends.timestamp(), "not before the lease ended"
    for key in range(KEYS):
        came = receiver.positions(f"k{key}")
        assert list(dict.fromkeys(came)) == sorted(set(came))
    assert value(connection, "SELECT count(*) FROM acci.deliveries WHERE ended = 'delivered'") == len(ROWS)
