"""A rewind decides events once more and sends what follows as something new; without one nothing is sent again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acci.store.log import high_water
from acci.store.postgres.database import Connection, connect
from acci.store.reacting import timers
from acci.store.reacting.batches import Batcher
from acci.store.reacting.dead_letters import letters
from acci.store.reacting.effect_rows import effect_id
from acci.store.reacting.following import Reactor, react
from acci.store.reacting.registrations import NotRegistered, StartBeyondLog, pause, register, registration
from acci.store.reacting.retrying import NoReason, Retried, retry
from acci.store.reacting.rewinding import NotDecidedYet, plan_rewind, rewind, rewinds
from acci.store.registry import Catalogue, load
from tests.domains.shipping import Announcement, Tracking
from tests.integration.reacting.test_dead_letters import BROKEN, MENDED, Mended, Weighing, totals
from tests.support.parcels import arrived, sent


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.shipping"])


@pytest.fixture
def reactor(connection: Connection, catalogue: Catalogue) -> Reactor:
    return Reactor(connection, catalogue, ["tracking", "announcement"], lambda *_: None)


def sent_ids(connection: Connection) -> list[Any]:
    """The idempotency keys of what is in the outbox."""
    rows = connection.execute(
        "SELECT event_id, reaction, rewind, ordinal FROM acci.outbox ORDER BY reaction, rewind, position, ordinal"
    ).fetchall()
    return [effect_id(*row) for row in rows]


def happened(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT rewind, content -> 'payload' ->> 'steps' FROM acci.outbox WHERE content -> 'payload' ? 'arrived'"
        " ORDER BY rewind, position"
    ).fetchall()


def count(connection: Connection, event_type: str) -> int:
    row = connection.execute("SELECT count(*) FROM acci.events WHERE event_type = %s", (event_type,)).fetchone()
    return int(row[0]) if row else 0


def test_what_a_rewind_sends_is_new_and_nothing_is_sent_again_without_one(
    connection: Connection, reactor: Reactor
) -> None:
    first = sent(connection, "a")
    arrived(connection, "a")
    react(reactor)
    before = sent_ids(connection)
    react(reactor)
    assert sent_ids(connection) == before

    made = rewind(connection, "tracking", first, "the receiver lost it")

    assert (made.checkpoint, made.rewind, made.begins) == (first, 1, 0)
    react(reactor)
    new = set(sent_ids(connection)) - set(before)
    assert len(new) == 1
    assert set(before) < set(sent_ids(connection)), "what was pending stays"
    assert happened(connection) == [(0, "2"), (1, "2")], "the state is that of its position"
    react(reactor)
    assert len(sent_ids(connection)) == len(before) + 1
    (row,) = rewinds(connection, "tracking")
    assert (row.rewind, row.position, row.reason, row.made_by) == (
        1, first, "the receiver lost it", connection.info.user
    )  # fmt: skip
    outcomes = connection.execute(
        "SELECT rewind, count(*) FROM acci.outcomes WHERE reaction = 'tracking' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert outcomes == [(0, 2), (1, 1)]


def test_a_plan_says_what_a_rewind_would_do_and_changes_nothing(connection: Connection, catalogue: Catalogue) -> None:
    register(connection, Tracking)
    for parcel in "abc":
        sent(connection, parcel)
    arrived(connection, "a")
    last = sent(connection, "d")
    Batcher(connection, catalogue, Tracking).decide(high_water.establish(connection).position)
    sent(connection, "later")
    before = registration(connection, "tracking")

    plan = plan_rewind(connection, catalogue, Tracking, "beginning", 2)

    assert (plan.reaction, plan.position, plan.checkpoint, plan.rewind, plan.events) == ("tracking", 0, last, 1, 5)
    assert plan.effects == {("command", "PrintLabel"): 4, ("message", "parcels"): 1}
    assert [each.position for each in plan.examples] == [1, 2]
    assert (plan.timers, plan.timers_due, plan.dropped_timers) == (3, 0, 3)
    assert (plan.failing, plan.waiting, plan.pending) == (0, 0, 5)
    assert registration(connection, "tracking") == before
    assert connection.execute("SELECT count(*) FROM acci.rewinds").fetchone() == (0,)


def test_a_rewind_is_to_a_position_a_moment_or_the_beginning(connection: Connection, reactor: Reactor) -> None:
    positions = [sent(connection, "a") for _ in range(3)]
    react(reactor)
    row = connection.execute("SELECT recorded_at FROM acci.events WHERE position = %s", (positions[1],)).fetchone()
    assert row is not None

    def events(to: Any) -> int:
        return plan_rewind(connection, reactor.catalogue, Announcement, to).events

    assert [events(to) for to in ("beginning", 0, positions[0], row[0], positions[2])] == [3, 3, 2, 2, 0]
    assert events(datetime.now(UTC) + timedelta(days=1)) == 0
    with pytest.raises(StartBeyondLog):
        events(positions[2] + 1)
    with pytest.raises(NotRegistered):
        rewind(connection, "never", 0, "so")


def test_a_rewind_beyond_the_checkpoint_or_without_a_reason_is_refused(
    connection: Connection, catalogue: Catalogue
) -> None:
    register(connection, Announcement)
    position = sent(connection, "a")
    with pytest.raises(NotDecidedYet):
        rewind(connection, "announcement", position, "so")
    with pytest.raises(NotDecidedYet):
        plan_rewind(connection, catalogue, Announcement, position)
    with pytest.raises(NoReason):
        rewind(connection, "announcement", 0, "\t")
    assert registration(connection, "announcement").rewind == 0


def test_a_rewind_before_its_begin_decides_what_was_none_of_its_business(
    connection: Connection, catalogue: Catalogue
) -> None:
    sent(connection, "a")
    register(connection, Announcement)
    assert rewind(connection, "announcement", 0, "announce the old ones").begins == 0
    done = Batcher(connection, catalogue, Announcement).decide(high_water.establish(connection).position)
    assert done.effects == 1


def test_a_paused_reaction_stays_paused(connection: Connection, reactor: Reactor) -> None:
    sent(connection, "a")
    react(reactor)
    pause(connection, "tracking", "we look at it")
    assert rewind(connection, "tracking", 0, "so").is_paused
    before = sent_ids(connection)
    react(reactor)
    assert sent_ids(connection) == before


def test_a_rewind_waits_for_the_batch_under_way(connection: Connection, reactor: Reactor, database_url: str) -> None:
    sent(connection, "a")
    react(reactor)
    with connect(database_url, "other", "administer") as other:
        other.execute("SET lock_timeout = '50ms'")
        with connection.transaction():
            connection.execute("SELECT FROM acci.reactions FOR UPDATE")
            with pytest.raises(Exception, match="lock timeout"):
                rewind(other, "tracking", 0, "so")
        assert rewind(other, "tracking", 0, "so").rewind == 1


def test_pending_timers_are_set_again_once(connection: Connection, reactor: Reactor) -> None:
    kept, dropped = sent(connection, "a"), sent(connection, "b")
    react(reactor)
    rewind(connection, "tracking", kept, "so")
    assert connection.execute("SELECT key FROM acci.timers").fetchall() == [("a",)]
    react(reactor)
    found = connection.execute("SELECT key, position, rewind FROM acci.timers ORDER BY key").fetchall()
    assert found == [("a", kept, 0), ("b", dropped, 1)]


def test_a_timer_that_fired_is_decided_again_and_does_not_fire_again(connection: Connection, reactor: Reactor) -> None:
    sent(connection, "a")
    react(reactor)
    connection.execute("UPDATE acci.timers SET due = now() - interval '1 second'")
    react(reactor)
    reminders = "SELECT rewind FROM acci.outbox WHERE content -> 'payload' ? 'overdue' ORDER BY rewind"
    for number in (1, 2):
        assert plan_rewind(connection, reactor.catalogue, Tracking, 0).timers == 0
        rewind(connection, "tracking", 0, "so")
        react(reactor)
        assert timers.due(connection, ["tracking"]) == []
        assert connection.execute("SELECT count(*) FROM acci.timers").fetchone() == (0,)
        assert count(connection, "ParcelOverdue") == 1
        assert [row[0] for row in connection.execute(reminders).fetchall()] == list(range(number + 1))


def test_states_after_a_rewind_are_folded_from_the_decisions_that_count(connection: Connection) -> None:
    register(connection, Weighing)
    first, poison = sent(connection, "a", 1), sent(connection, "a", 0)
    last = sent(connection, "a", 2)
    bound = high_water.establish(connection).position
    Batcher(connection, BROKEN, Weighing).decide(bound)
    assert retry(connection, MENDED, "weighing").decided == 2
    rewind(connection, "weighing", first, "with the old code again")
    Batcher(connection, BROKEN, Weighing).decide(bound)
    (found,) = letters(connection)
    assert (found.position, found.rewind, found.waiting) == (poison, 1, 1)
    rewind(connection, "weighing", poison, "what waits goes on waiting behind what is before it")
    Batcher(connection, BROKEN, Weighing).decide(bound)
    rows = connection.execute("SELECT position, rewind FROM acci.undecided ORDER BY position").fetchall()
    assert rows == [(poison, 1), (last, 2)]

    assert retry(connection, MENDED, "weighing") == Retried("weighing", decided=2, effects=2)

    rows = connection.execute("SELECT position, rewind FROM acci.outcomes ORDER BY rewind, position").fetchall()
    assert rows == [(first, 0), (poison, 0), (last, 0), (poison, 1), (last, 2)]
    assert totals(connection) == [1, 1, 3, 1, 3]
    sent(connection, "a", 4)
    Batcher(connection, MENDED, Mended).decide(high_water.establish(connection).position)
    assert totals(connection)[-1] == 7


def test_a_session_that_projects_cannot_change_a_rewind(connection: Connection, reactor: Reactor) -> None:
    sent(connection, "a")
    react(reactor)
    rewind(connection, "tracking", 0, "so")
    connection.execute("SET ROLE acci_project")
    with pytest.raises(Exception, match="permission denied"):
        connection.execute("UPDATE acci.rewinds SET reason = 'another'")
