"""Delivery to a real receiver: in order per key, at least once, and each failure in its place."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from acci.domain.effects import Send
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.reacting.contents import COMMAND, FLOW, content_of
from acci.store.reacting.delivering import Delivered, Deliverer, deliver
from acci.store.reacting.effect_rows import effect_id
from acci.store.reacting.lanes import Waiting
from acci.store.reacting.routes import Routes
from acci.store.reacting.senders.commands import CommandSender
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused, Sender
from acci.store.reacting.sending import Sent
from acci.store.registry import Catalogue, load
from acci.store.settings import Topic
from tests.domains.shipping import PrintLabel
from tests.support.histories import value
from tests.support.outboxes import fill, outgoing, register, row
from tests.support.receivers import Receiver, well

CATALOGUE = load(["tests.domains.shipping"])


class World(NamedTuple):
    """A deliverer with the rights of a worker, and what it reported."""

    deliverer: Deliverer
    notes: list[str]


@pytest.fixture(autouse=True)
def reaction(connection: Connection) -> None:
    register(connection)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def to(receiver: Receiver, **settings: Any) -> Routes:
    return Routes((("*", Topic("webhook", receiver.url, allow_private=True, allow_plain=True, **settings)),))


@pytest.fixture
def world(database_url: str, receiver: Receiver) -> Iterator[World]:
    yield from worlds(database_url, to(receiver))


def worlds(database_url: str, routes: Routes, catalogue: Catalogue = CATALOGUE) -> Iterator[World]:
    notes: list[str] = []
    with (
        connect(database_url, "deliver", "project") as connection,
        Deliverer(connection, catalogue, routes, lambda name, text: notes.append(f"{name}: {text}")) as deliverer,
    ):
        yield World(deliverer, notes)


def due_now(connection: Connection) -> None:
    connection.execute("UPDATE acci.outbox_heads SET due = clock_timestamp() WHERE due <> 'infinity'")


def left(connection: Connection) -> int:
    return int(value(connection, "SELECT count(*) FROM acci.outbox"))


def test_every_message_arrives_once_and_in_order_of_its_key(
    world: World, receiver: Receiver, connection: Connection
) -> None:
    rows = [row(number, f"k{number % 7}") for number in range(1, 301)]
    fill(connection, *rows)
    done = world.deliverer.step()
    assert (done.delivered, done.failed, done.lost, done.released) == (300, 0, 0, 0)
    for key in {each.key for each in rows}:
        assert receiver.positions(key) == [each.position for each in rows if each.key == key]
    ids = {str(effect_id(each.event_id, "welcome_mail", 0, 0)) for each in rows}
    assert {each.headers["webhook-id"] for each in receiver.received} == ids
    assert left(connection) == value(connection, "SELECT count(*) FROM acci.outbox_heads") == 0
    assert value(connection, "SELECT count(*) FROM acci.deliveries WHERE ended = 'delivered' AND tries = 1") == 300


def test_a_poison_message_holds_up_its_own_key_only(world: World, receiver: Receiver, connection: Connection) -> None:
    receiver.answer = lambda each: (410, {}) if each.event["position"] == "2" else (200, {})
    fill(connection, *(row(number, "a" if number in (2, 4) else "b") for number in range(1, 6)))
    done = world.deliverer.step()
    assert (done.delivered, done.failed, done.dead_letters) == (3, 1, 1)
    assert receiver.positions("b") == [1, 3, 5]
    assert receiver.positions("a") == [2]
    (note,) = world.notes
    assert note.startswith("welcome_mail: the message mail of welcome_mail at position 2 is a dead letter: 127.0.0.1")
    assert "410 Gone" in note
    assert value(connection, "SELECT due = 'infinity' AND tries = 1 FROM acci.outbox_heads")


def test_a_message_that_fails_is_tried_again_first(world: World, receiver: Receiver, connection: Connection) -> None:
    receiver.answer = lambda _: (503, {"retry-after": "600"})
    fill(connection, row(1, "a"), row(2, "a"))
    assert world.deliverer.step().failed == 1
    kept = "SELECT error, tries, due - last_tried BETWEEN '599 s' AND '601 s' FROM acci.outbox_heads"
    assert connection.execute(kept).fetchone() == ("127.0.0.1 answered 503 Service Unavailable", 1, True)
    receiver.answer = well
    due_now(connection)
    assert world.deliverer.step().delivered == 2
    assert receiver.positions("a") == [1, 1, 2]
    assert connection.execute("SELECT tries FROM acci.deliveries ORDER BY position").fetchall() == [(2,), (1,)]
    assert world.notes == []


def test_tried_often_enough_it_is_a_dead_letter(database_url: str, receiver: Receiver, connection: Connection) -> None:
    receiver.answer = lambda _: (500, {})
    fill(connection, row(1, "a"))
    for world in worlds(database_url, to(receiver, tries=2)):
        assert (world.deliverer.step().dead_letters, world.notes) == (0, [])
        due_now(connection)
        assert world.deliverer.step().dead_letters == 1
        assert "500 Internal Server Error" in world.notes[0]


@pytest.mark.parametrize(
    ("status", "is_lasting"),
    [(301, True), (307, True), (400, True), (401, False), (404, False), (408, False), (422, True), (429, False)],
)
def test_what_the_receiver_answers_decides_whether_it_is_tried_again(
    receiver: Receiver, status: int, is_lasting: bool
) -> None:
    receiver.answer = lambda _: (status, {"location": "http://127.0.0.1:1/"})
    with pytest.raises(DeliveryRefused if is_lasting else DeliveryFailed, match=str(status)):
        receiver.webhook().send(outgoing())
    assert len(receiver.received) == 1


def test_a_receiver_that_restarts_gets_the_rest(database_url: str, receiver: Receiver, connection: Connection) -> None:
    for world in worlds(database_url, to(receiver)):
        fill(connection, row(1, "a"))
        assert world.deliverer.step().delivered == 1
        receiver.close()
        fill(connection, row(2, "a"))
        assert world.deliverer.step().failed == 1
        with Receiver(port=receiver.port) as again:
            due_now(connection)
            assert world.deliverer.step().delivered == 1
            assert again.positions() == [2]


def test_a_receiver_that_hangs_holds_up_no_other_topic(
    database_url: str, receiver: Receiver, connection: Connection
) -> None:
    hung = threading.Event()

    class Hanging:
        def send(self, message: Any) -> None:
            assert hung.wait(60), message

    class Quick:
        def __init__(self) -> None:
            self.count = 0

        def send(self, message: Any) -> None:
            self.count += message.topic == "quick"
            if self.count == 50:
                hung.set()

    routes, quick = to(receiver), Quick()
    routes._topics = {
        name: routes._topics["*"].__class__(name, sender)
        for name, sender in (("slow", Hanging()), ("quick", quick))
    }  # fmt: skip
    fill(connection, *(row(number, f"s{number}", topic="slow") for number in range(1, 101)))
    fill(connection, *(row(number, f"q{number}", topic="quick") for number in range(101, 151)))
    for world in worlds(database_url, routes):
        stop = threading.Event()
        while left(connection):
            world.deliverer.step(stop.is_set)
            due_now(connection)
    assert quick.count == 50


def test_a_message_without_a_route_is_a_dead_letter_that_says_what_to_set(
    database_url: str, connection: Connection
) -> None:
    fill(connection, row(1, "a"), row(2, "b", kind=FLOW, topic="f/d"), row(3, "c", kind=COMMAND, topic="PrintLabel"))
    for world in worlds(database_url, Routes(())):
        assert world.deliverer.step().dead_letters == 3
        assert any('[tool.acci.topics."mail"]' in note for note in world.notes)


def test_what_a_sender_raises_is_kept_without_its_text(database_url: str, connection: Connection) -> None:
    class Broken:
        def send(self, message: Any) -> None:
            raise ValueError(f"ann@example.com {message}")

    fill(connection, row(1, "a", kind=FLOW))
    for world in worlds(database_url, Routes((), flows=Broken())):
        assert world.deliverer.step().failed == 1
    assert value(connection, "SELECT error FROM acci.outbox_heads") == "the sender raised ValueError"


def test_what_is_not_begun_is_put_back_when_it_is_to_stop(database_url: str, connection: Connection) -> None:
    begun, stop = threading.Event(), threading.Event()

    class Slow:
        def send(self, message: Any) -> None:
            begun.set()
            assert stop.wait(30), message

    fill(connection, row(1, "a", kind=FLOW), row(2, "a", kind=FLOW), row(3, "b", kind=FLOW))
    done: list[Delivered] = []
    for world in worlds(database_url, Routes((), flows=Slow())):
        world.deliverer._lanes._at_once = 1

        def work(deliverer: Deliverer = world.deliverer) -> None:
            done.append(deliverer.step(stop.is_set))

        stepping = threading.Thread(target=work)
        stepping.start()
        assert begun.wait(30)
        stop.set()
        stepping.join()
    assert done[0].delivered == 1
    assert left(connection) == 2
    assert value(connection, "SELECT count(*) FROM acci.outbox_heads WHERE lease IS NOT NULL") == 0
    assert value(connection, "SELECT count(*) FROM acci.outbox_heads WHERE due <= clock_timestamp()") == 2


def test_a_lost_lease_ends_nothing_and_is_reported(database_url: str, connection: Connection) -> None:
    class Thief:
        """While it sends, the lease ends, and another worker takes the key."""

        def send(self, message: Any) -> None:
            with connect(database_url, "thief") as other:
                other.execute("UPDATE acci.outbox_heads SET lease = %s", (message.id,))

    fill(connection, row(1, "a", kind=FLOW))
    for world in worlds(database_url, Routes((), flows=Thief())):
        done = world.deliverer.step()
        assert (done.lost, done.delivered, len(world.notes)) == (1, 0, 1)
    assert left(connection) == 1
    assert value(connection, "SELECT count(*) FROM acci.deliveries") == 0


def test_nothing_is_sent_that_the_lease_may_not_outlast(
    world: World, receiver: Receiver, connection: Connection
) -> None:
    world.deliverer._lease = 1.0  # less than a delivery may take
    fill(connection, row(1, "a"))
    looks = iter([False, False])
    assert world.deliverer.step(lambda: next(looks, True)).released == 1
    assert receiver.received == []


def test_several_workers_share_the_keys_and_keep_their_order(
    database_url: str, receiver: Receiver, connection: Connection
) -> None:
    fill(connection, *(row(number, f"k{number % 20}") for number in range(1, 401)))

    def work() -> None:
        for world in worlds(database_url, to(receiver)):
            world.deliverer.step()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert left(connection) == 0
    assert Counter(receiver.positions()) == Counter(range(1, 401))
    for key in range(20):
        positions = receiver.positions(f"k{key}")
        assert positions == sorted(positions)


def test_following_delivers_what_is_put_until_it_is_to_stop(
    database_url: str, receiver: Receiver, connection: Connection
) -> None:
    stop, counts = threading.Event(), []

    def follow() -> None:
        done = deliver(database_url, CATALOGUE, to(receiver), stop.is_set, lambda *_: None)
        counts.append(done["welcome_mail"].delivered)

    following = threading.Thread(target=follow)
    following.start()
    for number in range(1, 21):
        fill(connection, row(number, "a"))
        if number == 10:
            kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'acci deliver'"
            connection.execute(f"{kill} AND datname = current_database()".encode())
    while left(connection):
        time.sleep(0.02)
        due_now(connection)
    stop.set()
    following.join()
    assert sorted(set(receiver.positions())) == list(range(1, 21))
    assert value(connection, "SELECT count(*) FROM acci.deliveries") == 20


def commands(database: Database) -> Sender:
    return CommandSender(CommandHandler(EventStore(database, CATALOGUE), CATALOGUE).handle, CATALOGUE)


def print_label(position: int, parcel: str, reaction: str = "tracking", **more: Any) -> Any:
    kind, topic, text = content_of(Send(PrintLabel(label=f"label-{parcel}", parcel=parcel)))
    return row(position, parcel, reaction=reaction, kind=kind, topic=topic, content=json.loads(text), **more)


def test_a_command_takes_effect_once_however_often_it_is_sent(
    database_url: str, database: Database, connection: Connection
) -> None:
    register(connection, "tracking")
    sent = print_label(1, "p")
    for world in worlds(database_url, Routes((), commands(database))):
        for _ in range(2):  # as after a worker that was killed before it stored what became of it
            fill(connection, sent)
            assert world.deliverer.step().delivered == 1
            connection.execute("DELETE FROM acci.deliveries")
    stored = connection.execute(
        "SELECT event_type, metadata->>'causation_id', metadata->>'user_id', metadata->>'correlation_id'"
        " FROM acci.events"
    ).fetchall()
    assert stored == [("LabelPrinted", str(effect_id(sent.event_id, "tracking", 0, 0)), "reaction:tracking", "c1")]


def test_a_refused_command_has_ended_and_its_reaction_is_told(
    database_url: str, database: Database, connection: Connection
) -> None:
    for name in ("tracking", "announcement"):
        register(connection, name)
    refused = print_label(1, "forbidden")
    fill(connection, refused, print_label(2, "forbidden"), print_label(3, "forbidden", "announcement"))
    for world in worlds(database_url, Routes((), commands(database))):
        done = world.deliverer.step()
        assert (done.ended, done.dead_letters) == (Counter(refused=3), 0)
    reasons = connection.execute("SELECT DISTINCT reason FROM acci.deliveries").fetchall()
    assert reasons == [("such parcels are not labelled.",)]
    told = connection.execute(
        "SELECT tenant_id, aggregate_type, aggregate_id, version, data, metadata->>'causation_id'"
        " FROM acci.events ORDER BY position"
    ).fetchall()
    assert [each[:4] for each in told] == [("acme", "Tracking", "forbidden", version) for version in (1, 2)]
    assert told[0][4] == {
        "command": "PrintLabel", "reason": "such parcels are not labelled.", "position": 1, "ordinal": 0
    }  # fmt: skip
    assert told[0][5] == str(effect_id(refused.event_id, "tracking", 0, 0))


@pytest.mark.parametrize(
    ("topic", "data", "said"),
    [("Nothing", {}, "no command named 'Nothing'"), ("PrintLabel", {"label": 5}, "look at label, parcel")],
)
def test_a_command_that_is_not_valid_is_a_dead_letter(
    database_url: str, database: Database, connection: Connection, topic: str, data: Any, said: str
) -> None:
    fill(connection, row(1, "a", kind=COMMAND, topic=topic, content={"data": data}))
    for world in worlds(database_url, Routes((), commands(database))):
        assert world.deliverer.step().dead_letters == 1
        assert said in world.notes[0]


def test_what_a_person_had_erased_ends_unsent(world: World, receiver: Receiver, connection: Connection) -> None:
    fill(connection, row(1, "a"))
    send = world.deliverer._send

    def erased(waiting: Waiting) -> Sent:
        (one,) = waiting.taken.rows
        taken = replace(waiting.taken, rows=(replace(one, content={}, is_erased=True),))
        return send(replace(waiting, taken=taken))

    world.deliverer._lanes._send = erased
    assert world.deliverer.step().ended == Counter(erased=1)
    assert receiver.received == []
    assert connection.execute("SELECT ended, tries FROM acci.deliveries").fetchall() == [("erased", 0)]
