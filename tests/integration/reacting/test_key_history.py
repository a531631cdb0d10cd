"""A key of a reaction is shown as it is or was: its state, the decisions, what became of their effects, its timers."""

from datetime import UTC, datetime, timedelta

import pytest

from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.reacting.batches import Batcher
from acci.store.reacting.key_history import key_history
from acci.store.reacting.pending_timers import pending_timers
from acci.store.reacting.registrations import NotRegistered, register
from acci.store.reacting.retrying import discard
from acci.store.reacting.rewinding import NotDecidedYet, rewind
from acci.store.registry import Catalogue, load
from tests.domains.shipping import Announcement, Tracking
from tests.support.parcels import arrived, sent


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.shipping"])


def decide(connection: Connection, catalogue: Catalogue, reaction: type[Announcement | Tracking]) -> None:
    Batcher(connection, catalogue, reaction).decide(high_water.establish(connection).position)


@pytest.fixture
def positions(connection: Connection, catalogue: Catalogue) -> list[int]:
    """Of the parcel a: sent, arrived; then that of b, sent."""
    register(connection, Tracking)
    found = [sent(connection, "a"), arrived(connection, "a"), sent(connection, "b")]
    decide(connection, catalogue, Tracking)
    return found


def test_a_key_has_its_state_its_events_and_what_became_of_their_effects(
    connection: Connection, catalogue: Catalogue, positions: list[int]
) -> None:
    connection.execute("UPDATE acci.outbox_heads SET due = 'infinity', tries = 3, error = 'x' WHERE key = 'a'")
    discard(connection, catalogue, "tracking", positions[0], 0, "not wanted")

    found = key_history(connection, catalogue, Tracking, "t", "a")

    assert (found.position, found.state) == (positions[2], {"steps": 2, "labelled": False})
    assert [(each.position, each.event_type, each.ended, each.effects) for each in found.events] == [
        (positions[1], "ParcelArrived", "decided", 1),
        (positions[0], "ParcelSent", "decided", 1),
    ]
    pending, ended = found.effects
    assert (pending.position, pending.ended, pending.kind, pending.topic) == (
        positions[1], "pending", "message", "parcels"
    )  # fmt: skip
    assert (ended.position, ended.ordinal, ended.ended, ended.tries) == (positions[0], 0, "discarded", 3)
    assert found.timers == ()
    (timer,) = key_history(connection, catalogue, Tracking, "t", "b").timers
    assert (timer.name, timer.kind, timer.topic, timer.position) == ("overdue", "event", "ParcelOverdue", positions[2])
    assert pending_timers(connection) == pending_timers(connection, "tracking", "t", "b") == [timer]
    assert pending_timers(connection, "another") == pending_timers(connection, key="a") == []


def test_a_key_is_shown_as_of_a_position_or_a_moment(
    connection: Connection, catalogue: Catalogue, positions: list[int]
) -> None:
    for as_of, steps in ((0, 0), (positions[0], 1), (positions[1], 2), (datetime(2020, 1, 1, tzinfo=UTC), 0)):
        found = key_history(connection, catalogue, Tracking, "t", "a", as_of)
        assert found.state == {"steps": steps, "labelled": False}
        assert len(found.events) == steps
    assert key_history(
        connection, catalogue, Tracking, "t", "a", datetime.now(UTC) + timedelta(days=1)
    ).position == positions[2]  # fmt: skip
    with pytest.raises(NotDecidedYet):
        key_history(connection, catalogue, Tracking, "t", "a", positions[2] + 1)
    with pytest.raises(NotRegistered):
        key_history(connection, catalogue, Announcement, "t", "a")


def test_decisions_of_a_rewind_and_events_that_wait_are_shown_too(connection: Connection, catalogue: Catalogue) -> None:
    register(connection, Announcement)
    first, dead, waits = sent(connection, "a"), sent(connection, "a", 0), sent(connection, "a")
    decide(connection, catalogue, Announcement)
    rewind(connection, "announcement", 0, "so")
    decide(connection, catalogue, Announcement)

    found = key_history(connection, catalogue, Announcement, "t", "a")

    assert found.state is None
    assert [(each.position, each.rewind, each.ended) for each in found.events] == [
        (waits, 1, "waits"), (dead, 1, "failed"), (first, 1, "decided"), (first, 0, "decided")
    ]  # fmt: skip
    assert "division" in str(found.events[1].reason)
    assert [(each.rewind, each.ended) for each in found.effects] == [(1, "pending"), (0, "pending")]
    nobody = key_history(connection, catalogue, Announcement, "s", "a")
    assert (nobody.events, nobody.effects) == ((), ())
