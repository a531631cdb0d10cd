"""A process that runs reactions decides, fires and delivers, also what follows from the commands that it sends."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.reacting.registrations import register, registration
from acci.store.reacting.routes import Routes
from acci.store.reacting.running import Done, keep_running, run_until_done
from acci.store.reacting.senders.commands import CommandSender
from acci.store.registry import load
from acci.store.settings import Topic
from tests.domains.shipping import Announcement, Tracking
from tests.support.histories import value
from tests.support.parcels import arrived, sent
from tests.support.receivers import Receiver

CATALOGUE = load(["tests.domains.shipping"])
NAMES = ("announcement", "tracking")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


@pytest.fixture
def routes(database_url: str, receiver: Receiver) -> Iterator[Routes]:
    """Commands to the aggregates, messages to the receiver."""
    topic = Topic("webhook", receiver.url, allow_private=True, allow_plain=True)
    with Database(database_url, 4, "append") as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        yield Routes((("*", topic),), CommandSender(handler.handle, CATALOGUE))


@pytest.fixture
def said() -> list[str]:
    return []


def run(url: str, routes: Routes, said: list[str], *names: str) -> Done:
    with connect(url, "react", "project") as connection:
        return run_until_done(connection, CATALOGUE, names or NAMES, routes, lambda _, what: said.append(what))


def payloads(receiver: Receiver) -> list[Any]:
    return [each.event["data"] for each in receiver.received]


def test_all_that_is_due_is_decided_and_delivered_and_what_follows_from_that(
    connection: Connection, database_url: str, routes: Routes, receiver: Receiver, said: list[str]
) -> None:
    for reaction in (Announcement, Tracking):
        register(connection, reaction)
    sent(connection, "a")

    done = run(database_url, routes, said)

    assert payloads(receiver) == [{"parcel": "a", "price": 100}]
    assert value(connection, "SELECT count(*) FROM acci.events WHERE event_type = 'LabelPrinted'") == 1
    assert done.decided["tracking"].events == 2, "the parcel, and the label that its command led to"
    assert (done.delivered["announcement"].delivered, done.delivered["tracking"].delivered) == (1, 1)
    assert value(connection, "SELECT count(*) FROM acci.outbox") == 0
    again = run(database_url, routes, said)
    assert [again.decided[name].events for name in NAMES] == [0, 0]
    assert not again.delivered
    assert said == []


def test_a_timer_that_is_due_fires_and_its_message_leaves_in_the_same_run(
    connection: Connection, database_url: str, routes: Routes, receiver: Receiver, said: list[str]
) -> None:
    register(connection, Tracking)
    sent(connection, "a")
    run(database_url, routes, said, "tracking")
    connection.execute("UPDATE acci.timers SET due = now() - interval '1 second'")
    done = run(database_url, routes, said, "tracking")
    assert done.decided["tracking"].fired == 1
    assert payloads(receiver) == [{"overdue": "a", "labelled": True}]


def test_only_the_named_reactions_deliver(
    connection: Connection, database_url: str, routes: Routes, receiver: Receiver, said: list[str]
) -> None:
    for reaction in (Announcement, Tracking):
        register(connection, reaction)
    sent(connection, "a")
    run(database_url, routes, said)
    connection.execute("INSERT INTO acci.outbox_heads (reaction, tenant_id, key) VALUES ('announcement', 't', 'b')")
    run(database_url, routes, said, "tracking")
    assert value(connection, "SELECT count(*) FROM acci.outbox_heads") == 1, "another's"
    run(database_url, routes, said, "announcement")
    assert value(connection, "SELECT count(*) FROM acci.outbox_heads") == 0


def test_what_cannot_be_delivered_is_counted_and_left(
    connection: Connection, database_url: str, routes: Routes, receiver: Receiver, said: list[str]
) -> None:
    register(connection, Announcement)
    receiver.answer = lambda each: (503 if each.event["subject"] == "a" else 410, {})
    sent(connection, "a")
    sent(connection, "b")
    done = run(database_url, routes, said, "announcement").delivered["announcement"]
    assert (done.delivered, done.failed, done.dead_letters) == (0, 2, 1)
    assert len(said) == 1


def keep(url: str, routes: Routes, said: list[str], stop: threading.Event, found: list[Done]) -> threading.Thread:
    def running() -> None:
        found.append(keep_running(url, CATALOGUE, NAMES, routes, 0.01, stop.is_set, lambda _, what: said.append(what)))

    thread = threading.Thread(target=running)
    thread.start()
    return thread


def test_reactions_are_kept_at_the_log_until_they_are_stopped(
    connection: Connection, database_url: str, routes: Routes, receiver: Receiver, said: list[str]
) -> None:
    for reaction in (Announcement, Tracking):
        register(connection, reaction)
    stop, found = threading.Event(), list[Done]()
    thread = keep(database_url, routes, said, stop, found)
    try:
        sent(connection, "a")
        deadline = time.monotonic() + 60
        while value(connection, "SELECT count(*) FROM acci.events WHERE event_type = 'LabelPrinted'") == 0:
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        arrived(connection, "a")
        while len(receiver.received) < 2:
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join()
    assert {"arrived": "a", "steps": 3} in payloads(receiver)
    (done,) = found
    assert done.decided["announcement"].events == 1
    assert done.delivered["announcement"].delivered == 1
    assert said == []


def test_nothing_leaves_a_restored_backup_until_somebody_decides(
    connection: Connection, database_url: str, routes: Routes, receiver: Receiver, said: list[str]
) -> None:
    register(connection, Announcement)
    receiver.answer = lambda _: (503, {})
    sent(connection, "a")
    run(database_url, routes, said, "announcement")
    tries = len(receiver.received)
    connection.execute("UPDATE acci.outbox_heads SET due = now()")
    connection.execute("UPDATE acci.reactions SET server = 'another/1/00000001'")
    stop, found = threading.Event(), list[Done]()
    thread = keep(database_url, routes, said, stop, found)
    try:
        deadline = time.monotonic() + 60
        while not said:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join()
    assert registration(connection, "announcement").is_paused
    assert "restored from a backup" in said[0]
    assert len(receiver.received) == tries


def test_a_lasting_failure_of_one_part_ends_the_other(
    database_url: str, routes: Routes, said: list[str], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "of", None)  # a fault of the program, not of a delivery
    register(connection, Announcement)
    sent(connection, "a")
    with pytest.raises(TypeError):
        keep_running(database_url, CATALOGUE, NAMES, routes, 0.01, lambda: False, lambda _, what: said.append(what))
