"""A timer that comes due becomes an event of the reaction's own stream, once, and the reaction decides on it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from acci.domain.contexts import Context
from acci.domain.effects import After, Message, Send
from acci.domain.events import RecordedEvent, StreamId
from acci.domain.reactions import Reaction, reacts
from acci.store.log import high_water
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.reacting import timers
from acci.store.reacting.batches import Batcher
from acci.store.reacting.following import Reactor, react
from acci.store.reacting.registrations import pause, register, resume
from acci.store.registry import Catalogue, load
from tests.domains.shipping import CONTEXT, ParcelSent, PrintLabel, Tracking
from tests.support.parcels import arrived, sent

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Reminder(Reaction):
    """Stateless: what follows later is an effect, not an event."""

    name: ClassVar[str] = "reminder"

    @reacts(ParcelSent)
    def remind(self, event: RecordedEvent[ParcelSent]) -> list[After]:
        parcel = event.aggregate_id
        return [
            After(LONG_AGO, Message("later", {"parcel": parcel}, key="boxes", headers={"x": "y"}), "message"),
            After(timedelta(), Send(PrintLabel(label=parcel, parcel=parcel)), "command"),
            After(timedelta(days=1), Message("later", {"late": parcel}), "tomorrow"),
        ]


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.shipping", Context("reminders", Path(), (), reactions=(Reminder,))])


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def reactor(connection: Connection, catalogue: Catalogue, said: list[str]) -> Reactor:
    return Reactor(connection, catalogue, ["tracking", "reminder"], lambda _, what: said.append(what))


def make_due(connection: Connection) -> None:
    connection.execute("UPDATE acci.timers SET due = now() - interval '1 second'")


def test_a_timer_becomes_the_event_that_was_set_and_its_process_decides_on_it(
    connection: Connection, catalogue: Catalogue, reactor: Reactor, database_url: str
) -> None:
    sent(connection, "a")
    react(reactor)
    assert timers.due(connection, ["tracking"]) == []
    make_due(connection)

    react(reactor)

    with Database(database_url) as database:
        (event,) = EventStore(database, catalogue).read_stream(StreamId("t", "Tracking", "a"))
    assert (event.event_type, event.version, event.metadata.correlation_id) == ("ParcelOverdue", 1, "c")
    row = connection.execute(
        "SELECT content FROM acci.outbox WHERE reaction = 'tracking' ORDER BY position DESC"
    ).fetchone()
    assert row == ({"payload": {"overdue": "a", "labelled": False}, "headers": {}},)
    assert connection.execute("SELECT count(*) FROM acci.timers WHERE reaction = 'tracking'").fetchone() == (0,)


def test_an_effect_of_a_timer_is_delivered_when_it_is_due_as_it_was_decided(
    connection: Connection, reactor: Reactor
) -> None:
    sent(connection, "a")

    react(reactor)

    rows = connection.execute(
        "SELECT kind, key, topic, content -> 'payload', content -> 'headers' FROM acci.outbox"
        " WHERE reaction = 'reminder' ORDER BY kind"
    ).fetchall()
    assert rows == [
        ("command", "a", "PrintLabel", None, None),
        ("message", "boxes", "later", {"parcel": "a"}, {"x": "y"}),
    ]
    names = connection.execute("SELECT name FROM acci.timers WHERE reaction = 'reminder'").fetchall()
    assert names == [("tomorrow",)]


def test_a_timer_that_was_cancelled_never_fires(connection: Connection, reactor: Reactor) -> None:
    sent(connection, "a")
    react(reactor)
    arrived(connection, "a")
    react(reactor)
    make_due(connection)
    react(reactor)
    found = connection.execute("SELECT count(*) FROM acci.events WHERE event_type = 'ParcelOverdue'").fetchone()
    assert found == (0,)


def test_no_timer_fires_before_an_earlier_event_is_decided_which_may_cancel_it(
    connection: Connection, reactor: Reactor
) -> None:
    sent(connection, "a")
    react(reactor)
    arrived(connection, "a")
    connection.execute("UPDATE acci.timers SET due = clock_timestamp()")  # after the event was recorded

    assert timers.due(connection, ["tracking"]) == []
    assert timers.fire(connection, "tracking") == 0
    react(reactor)
    found = connection.execute("SELECT count(*) FROM acci.events WHERE event_type = 'ParcelOverdue'").fetchone()
    assert found == (0,)


def test_timers_of_many_tenants_and_of_one_stream_fire_at_once_in_order(
    connection: Connection, catalogue: Catalogue
) -> None:
    register(connection, Reminder)
    for tenant in ("s", "t"):
        for _ in range(2):
            sent(connection, "a", tenant=tenant)
    Batcher(connection, catalogue, Reminder).decide(high_water.establish(connection).position)
    connection.execute("UPDATE acci.timers SET due = '2026-01-01Z'::timestamptz + ordinal * interval '1 second'")

    assert timers.fire(connection, "reminder") == 6
    assert timers.fire(connection, "reminder") == 0

    rows = connection.execute(
        "SELECT tenant_id, version, data ->> 'name' FROM acci.events WHERE aggregate_type = 'Reminder' ORDER BY 1, 2"
    ).fetchall()
    assert rows == [
        (tenant, place, name)
        for tenant in ("s", "t")
        for place, name in enumerate(("message", "command", "tomorrow"), 1)
    ]


def test_no_timer_of_a_paused_reaction_fires_until_it_is_resumed(
    connection: Connection, reactor: Reactor, said: list[str]
) -> None:
    sent(connection, "a")
    react(reactor)
    make_due(connection)
    pause(connection, "tracking", "we look at it")
    react(reactor)
    assert said == ["paused: we look at it."]
    assert connection.execute("SELECT count(*) FROM acci.timers WHERE name = 'overdue'").fetchone() == (1,)
    resume(connection, "tracking")
    react(reactor)
    assert connection.execute("SELECT count(*) FROM acci.timers WHERE name = 'overdue'").fetchone() == (0,)


def test_two_runners_fire_a_timer_once(connection: Connection, database_url: str, reactor: Reactor) -> None:
    sent(connection, "a")
    react(reactor)
    make_due(connection)
    with connect(database_url, "other") as other, other.transaction():
        other.execute("SELECT FROM acci.reactions WHERE reaction = 'tracking' FOR UPDATE")
        reactor.step()
        assert connection.execute("SELECT count(*) FROM acci.timers WHERE name = 'overdue'").fetchone() == (1,)
    react(reactor)
    found = connection.execute("SELECT count(*) FROM acci.events WHERE event_type = 'ParcelOverdue'").fetchone()
    assert found == (1,)


def test_a_reaction_on_another_server_or_timeline_is_paused_until_somebody_resumes_it(
    connection: Connection, catalogue: Catalogue, said: list[str]
) -> None:
    register(connection, Tracking)
    connection.execute("UPDATE acci.reactions SET server = 'another/1/00000001'")
    reactor = Reactor(connection, catalogue, ["tracking"], lambda _, what: said.append(what))
    sent(connection, "a")
    react(reactor)
    assert "restored from a backup" in said[0]
    assert reactor.totals["tracking"].events == 0
    resume(connection, "tracking")
    react(reactor)
    assert reactor.totals["tracking"].events == 1


def test_after_a_promotion_reactions_go_on_where_that_is_allowed(
    connection: Connection, catalogue: Catalogue, said: list[str]
) -> None:
    register(connection, Tracking)
    connection.execute("UPDATE acci.reactions SET server = regexp_replace(server, '[^/]*$', '00000009')")
    Reactor(connection, catalogue, ["tracking"], lambda _, what: said.append(what), after_promotion=True)
    assert connection.execute("SELECT paused_at FROM acci.reactions").fetchone() == (None,)
    Reactor(connection, catalogue, ["tracking"], lambda _, what: said.append(what))
    assert connection.execute("SELECT paused_at IS NULL FROM acci.reactions").fetchone() == (False,)


def test_the_context_names_its_reactions() -> None:
    assert CONTEXT.reactions[1] is Tracking
