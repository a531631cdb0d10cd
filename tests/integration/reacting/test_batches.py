"""A batch decides each event once, in order per key, and stores all that follows in one transaction."""

import psycopg
import pytest
from psycopg import sql

from acci.store.log import high_water
from acci.store.postgres.database import Connection, connect
from acci.store.reacting.batches import Batcher, Decided
from acci.store.reacting.registrations import ReactionBusy, ReactionPaused, pause, register, registration, resume
from acci.store.registry import Catalogue, load
from tests.domains.shipping import Announcement, Tracking
from tests.support.parcels import arrived, sent


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.shipping"])


def decide(connection: Connection, catalogue: Catalogue, reaction: type[Announcement | Tracking]) -> Decided:
    return Batcher(connection, catalogue, reaction).decide(high_water.establish(connection).position)


def outbox(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT position, ordinal, key, kind, topic, content FROM acci.outbox ORDER BY position, ordinal"
    ).fetchall()


def test_an_event_becomes_an_outcome_an_outbox_row_and_a_head(connection: Connection, catalogue: Catalogue) -> None:
    register(connection, Announcement)
    position = sent(connection, "a")

    done = decide(connection, catalogue, Announcement)

    assert done == Decided(position, events=1, effects=1)
    content = {"payload": {"parcel": "a", "price": 100}, "headers": {}}
    assert outbox(connection) == [(position, 0, "a", "message", "parcels", content)]
    assert connection.execute("SELECT position, effects, key, ended FROM acci.outcomes").fetchall() == [
        (position, 1, "a", "decided")
    ]
    assert connection.execute("SELECT key, tries FROM acci.outbox_heads").fetchall() == [("a", 0)]
    assert decide(connection, catalogue, Announcement) == Decided(position)


def test_a_new_reaction_begins_at_the_head_or_where_it_is_told(connection: Connection, catalogue: Catalogue) -> None:
    first = sent(connection, "a")
    register(connection, Announcement)
    register(connection, Tracking, "beginning")
    assert register(connection, Announcement, "beginning").begins == first, "it is registered already"

    assert decide(connection, catalogue, Announcement).events == 0
    assert decide(connection, catalogue, Tracking).events == 1


def test_what_is_being_appended_while_it_is_registered_is_decided(
    connection: Connection, catalogue: Catalogue, database_url: str
) -> None:
    with connect(database_url, "writer") as writer, writer.transaction():
        position = sent(writer, "a")
        sent(connection, "b")
        register(connection, Announcement)
    assert registration(connection, "announcement").begins < position
    assert decide(connection, catalogue, Announcement).events == 2


def test_what_cannot_be_decided_holds_up_its_own_key_only(connection: Connection, catalogue: Catalogue) -> None:
    register(connection, Announcement)
    poison, waits, other = sent(connection, "a", weight=0), sent(connection, "a"), sent(connection, "b")

    done = decide(connection, catalogue, Announcement)

    assert (done.events, done.dead_letters, done.parked) == (1, 1, 1)
    assert [row[0] for row in outbox(connection)] == [other]
    undecided = connection.execute("SELECT position, key, error IS NULL FROM acci.undecided ORDER BY 1").fetchall()
    assert undecided == [(poison, "a", False), (waits, "a", True)]
    sent(connection, "a")
    assert decide(connection, catalogue, Announcement).parked == 1


def test_a_process_manager_decides_on_the_state_of_its_key(connection: Connection, catalogue: Catalogue) -> None:
    register(connection, Tracking)
    for parcel in ("a", "b"):
        sent(connection, parcel)
    assert decide(connection, catalogue, Tracking).effects == 2
    timers = connection.execute("SELECT key, name, kind, topic FROM acci.timers ORDER BY key").fetchall()
    assert timers == [("a", "overdue", "event", "ParcelOverdue"), ("b", "overdue", "event", "ParcelOverdue")]

    arrived(connection, "a")
    decide(connection, catalogue, Tracking)

    assert outbox(connection)[-1][-1] == {"payload": {"arrived": "a", "steps": 2}, "headers": {}}
    assert connection.execute("SELECT key FROM acci.timers").fetchall() == [("b",)]


def test_a_lost_state_is_computed_again_from_the_events(connection: Connection, catalogue: Catalogue) -> None:
    register(connection, Tracking)
    sent(connection, "a")
    decide(connection, catalogue, Tracking)
    connection.execute("DELETE FROM acci.processes")
    arrived(connection, "a")

    decide(connection, catalogue, Tracking)

    assert outbox(connection)[-1][-1] == {"payload": {"arrived": "a", "steps": 2}, "headers": {}}


def test_the_first_decision_stands_when_the_checkpoint_was_set_back(
    connection: Connection, catalogue: Catalogue
) -> None:
    register(connection, Tracking)
    positions = [sent(connection, "a"), arrived(connection, "a"), sent(connection, "a")]
    decide(connection, catalogue, Tracking)
    before = outbox(connection)
    connection.execute("UPDATE acci.reactions SET checkpoint = begins")
    connection.execute("UPDATE acci.outcomes SET digest = '\\x00' WHERE position = %s", (positions[1],))

    assert decide(connection, catalogue, Tracking) == Decided(positions[-1], changed=(positions[1],))
    assert outbox(connection) == before


def test_an_unreadable_event_of_another_reaction_is_none_of_its_business(
    connection: Connection, catalogue: Catalogue
) -> None:
    """ACCI stores events of one name for all reactions, each in the reaction's own streams."""
    for reaction in (Announcement, Tracking):
        register(connection, reaction)
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (clock_timestamp(), gen_random_uuid(), 1, 't', 'Tracking', 'a', 'TimerFired', '{"x": "?"}', '{}')"""
    )
    assert decide(connection, catalogue, Announcement).dead_letters == 0
    assert decide(connection, catalogue, Tracking).dead_letters == 1


def test_which_code_decided_from_where_on_is_kept(connection: Connection, catalogue: Catalogue) -> None:
    def decided(fingerprint: str | None = None) -> list[int]:
        if fingerprint is not None:  # as if other code had decided last
            for table in ("reactions", "reaction_code"):
                connection.execute(sql.SQL("UPDATE acci.{} SET fingerprint = 'x'").format(sql.Identifier(table)))
        sent(connection, "a")
        decide(connection, catalogue, Announcement)
        return [row[0] for row in connection.execute("SELECT after FROM acci.reaction_code ORDER BY 1").fetchall()]

    begins = register(connection, Announcement).begins
    assert decided() == decided() == [begins], "the same code is not recorded twice"
    assert decided("x") == [begins, registration(connection, "announcement").checkpoint - 1]


def test_one_runner_decides_at_a_time_and_none_while_it_is_paused(
    connection: Connection, catalogue: Catalogue, database_url: str
) -> None:
    register(connection, Announcement)
    sent(connection, "a")
    with connect(database_url, "other") as other, other.transaction():
        other.execute("SELECT FROM acci.reactions FOR UPDATE")
        with pytest.raises(ReactionBusy):
            decide(connection, catalogue, Announcement)
    assert pause(connection, "announcement", "we look at it")
    with pytest.raises(ReactionPaused, match="we look at it"):
        decide(connection, catalogue, Announcement)
    resume(connection, "announcement")
    assert decide(connection, catalogue, Announcement).events == 1


def test_what_was_decided_cannot_be_changed_by_a_session_that_projects(
    connection: Connection, catalogue: Catalogue, database_url: str
) -> None:
    register(connection, Announcement)
    sent(connection, "a")
    decide(connection, catalogue, Announcement)
    with connect(database_url, "test", "project") as projecting:
        for change in (
            "DELETE FROM acci.outcomes",
            "UPDATE acci.outcomes SET effects = 0",
            "DELETE FROM acci.deliveries",
            "UPDATE acci.deliveries SET ended = 'discarded'",
            "DELETE FROM acci.rewinds",
            "UPDATE acci.outbox SET topic = 'another'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                projecting.execute(change)
