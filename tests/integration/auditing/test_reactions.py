"""What reactions decided is proved by audits: each corruption is found at its place, and what is sound is no finding.

A repair mends what can be derived from what is stored, and sends nothing.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import ClassVar, cast

import pytest

from acci.domain.contexts import Context
from acci.domain.effects import Message
from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction, reacts
from acci.store.auditing.audit import Audited
from acci.store.auditing.findings import Severity, findings
from acci.store.auditing.repair import repair
from acci.store.auditing.scope import AuditScope
from acci.store.log import high_water
from acci.store.postgres.database import Connection, connect
from acci.store.reacting import timers
from acci.store.reacting.batches import Batcher
from acci.store.reacting.dead_letters import letters
from acci.store.reacting.outbox import DELIVERED, REFUSED, Ending, Settlement, settle, take
from acci.store.reacting.registrations import pause, register, registration
from acci.store.reacting.retrying import discard, retry
from acci.store.reacting.rewinding import rewind
from acci.store.registry import Catalogue, load
from tests.domains.bank.ledger import audited
from tests.domains.shipping import Announcement, ParcelArrived, ParcelSent, Tracking
from tests.support.corruptions import Corruption, of_reactions
from tests.support.parcels import arrived, sent
from tests.support.servers import SharedServer

HISTORIES = int(os.environ.get("ACCI_TEST_HISTORIES", "6"))
SHIPPING = load(["tests.domains.shipping"])
CHECKS = (
    "outcomes", "outcome_events", "effects", "undelivered", "outbox_heads", "undecided", "timers", "overdue_timers",
    "reaction_checkpoints", "processes", "decisions",
)  # fmt: skip


def decide(connection: Connection, catalogue: Catalogue, *reactions: type[Reaction]) -> None:
    for reaction in reactions:
        register(connection, reaction)
        Batcher(connection, catalogue, reaction).decide(high_water.establish(connection).position)


def deliver(connection: Connection, key: str) -> None:
    """As a worker ends the rows of a key."""
    connection.execute(
        """WITH gone AS (DELETE FROM acci.outbox WHERE key = %s RETURNING *)
           INSERT INTO acci.deliveries (position, rewind, ordinal, tries, reaction, ended)
           SELECT position, rewind, ordinal, 1, reaction, 'delivered' FROM gone""",
        (key,),
    )
    connection.execute("DELETE FROM acci.outbox_heads WHERE key = %s", (key,))


def grow(connection: Connection, catalogue: Catalogue) -> None:
    """Parcels a to f: c cannot be announced, and waits; of d everything was delivered; e is of another tenant."""
    sent(connection, "before")
    register(connection, Announcement)
    register(connection, Tracking)
    for parcel in ("a", "b", "d"):
        sent(connection, parcel)
    sent(connection, "c", weight=0)
    decide(connection, catalogue, Announcement, Tracking)
    sent(connection, "c")
    sent(connection, "e", tenant="u")
    arrived(connection, "b")
    arrived(connection, "d")
    sent(connection, "f")
    connection.execute("UPDATE acci.timers SET due = clock_timestamp() WHERE key = 'b' OR key = 'e'")
    decide(connection, catalogue, Announcement, Tracking)
    timers.fire(connection, "tracking")
    decide(connection, catalogue, Announcement, Tracking)
    deliver(connection, "d")


@pytest.fixture(scope="session")
def shipped_template(server: SharedServer) -> Iterator[str]:
    with server.database() as url:
        with connect(url, "test") as connection:
            grow(connection, SHIPPING)
        yield url.rpartition("/")[2]


@pytest.fixture
def shipped(server: SharedServer, shipped_template: str) -> Iterator[Connection]:
    with server.database(template=shipped_template) as url, connect(url, "test") as connection:
        connection.execute("UPDATE acci.outbox_heads SET due = clock_timestamp()")
        yield connection


def wrong(done: list[Audited]) -> list[str]:
    return [f"{each.check}: {found.problem}" for each in done for found in each.found]


def effects(connection: Connection) -> object:
    """What was and is to be delivered."""
    return [
        connection.execute("SELECT array_agg(o ORDER BY o) FROM acci.outbox AS o").fetchone(),
        connection.execute("SELECT array_agg(d ORDER BY d) FROM acci.deliveries AS d").fetchone(),
        connection.execute("SELECT array_agg(t ORDER BY t) FROM acci.timers AS t").fetchone(),
    ]


def test_every_check_of_reactions_has_a_corruption(shipped: Connection) -> None:
    found = set()
    for each in of_reactions():
        with shipped.transaction(force_rollback=True):
            found.add(each.inject(shipped).check)
    assert found == set(CHECKS)


def test_what_is_sound_raises_no_alarm(shipped: Connection) -> None:
    done = audited(shipped, SHIPPING, *CHECKS)
    assert wrong(done) == []
    assert [each.check for each in done if each.left_out is not None] == []
    (row,) = shipped.execute("SELECT count(*) FROM acci.undecided").fetchall()
    assert row == (2,), "what waits is no finding"


@pytest.mark.parametrize("corruption", of_reactions(), ids=lambda each: each.name)
def test_a_corruption_is_found_and_repaired(shipped: Connection, corruption: Corruption) -> None:
    expected = corruption.inject(shipped)
    done = audited(shipped, SHIPPING, *CHECKS)
    places = [found.place for one in done if one.check == expected.check for found in one.found]
    assert any(expected.place.items() <= place.items() for place in places), wrong(done)
    assert any(each.check == expected.check for each in findings(shipped)), "it is kept"

    before = effects(shipped)
    repair(shipped, SHIPPING)
    assert effects(shipped) == before, "a repair sends nothing and drops nothing"
    again = audited(shipped, SHIPPING, *CHECKS)
    if corruption.repairable:
        assert wrong(again) == []
        assert findings(shipped) == []
    else:
        assert any(each.check == expected.check and each.found for each in again), "what cannot be derived stays found"


def test_after_a_repair_the_reaction_decides_on_the_right_state(shipped: Connection) -> None:
    shipped.execute("UPDATE acci.processes SET state = jsonb_set(state, '{steps}', '40') WHERE key = 'a'")
    audited(shipped, SHIPPING, "processes")
    repair(shipped, SHIPPING)
    arrived(shipped, "a")
    decide(shipped, SHIPPING, Tracking)
    row = shipped.execute("SELECT content FROM acci.outbox WHERE key = 'a' ORDER BY position DESC LIMIT 1").fetchone()
    assert row == ({"payload": {"arrived": "a", "steps": 2}, "headers": {}},)


def test_an_audit_is_narrowed_to_a_tenant_a_key_a_sample_and_what_is_new(shipped: Connection) -> None:
    shipped.execute("UPDATE acci.outcomes SET digest = sha256('x')")
    shipped.execute("UPDATE acci.processes SET state = jsonb_set(state, '{steps}', '40')")

    def found(check: str, extent: AuditScope) -> set[tuple[str, str]]:
        (done,) = audited(shipped, SHIPPING, check, extent=extent)
        return {(str(each.place["tenant_id"]), str(each.place["key"])) for each in done.found}

    for check in ("decisions", "processes"):
        whole = found(check, AuditScope())
        assert {key for _, key in whole} == {"a", "b", "c", "d", "e", "f"}
        assert found(check, AuditScope(tenant_id="u")) == {("u", "e")}
        assert found(check, AuditScope(keys=(("t", "a"),))) == {("t", "a")}
        shares = [found(check, AuditScope(one_in=3, offset=turn)) for turn in range(3)]
        assert set.union(*shares) == whole
        assert sum(map(len, shares)) == len(whole)
        assert found(check, AuditScope(since=datetime(2099, 1, 1, tzinfo=UTC))) == set()
        assert found(check, AuditScope(since=datetime(2020, 1, 1, tzinfo=UTC))) == whole


def test_a_paused_reaction_is_not_late(shipped: Connection) -> None:
    shipped.execute("UPDATE acci.outbox_heads SET due = clock_timestamp() - interval '1 hour'")
    shipped.execute("UPDATE acci.timers SET due = clock_timestamp() - interval '1 hour'")
    assert wrong(audited(shipped, SHIPPING, "undelivered", "overdue_timers")) != []
    for reaction in (Announcement, Tracking):
        pause(shipped, reaction.name, "we look at it")
    assert wrong(audited(shipped, SHIPPING, "undelivered", "overdue_timers")) == []


def test_a_dead_letter_of_a_delivery_is_not_late(shipped: Connection) -> None:
    shipped.execute("UPDATE acci.outbox_heads SET due = 'infinity', error = 'no'")
    assert wrong(audited(shipped, SHIPPING, "undelivered")) == []


class Richer(Reaction):
    """Announcement as a later version has it: other words, and of arrivals too."""

    name: ClassVar[str] = "announcement"

    @reacts(ParcelSent)
    def announce(self, event: RecordedEvent[ParcelSent]) -> Message:
        return Message("parcels", {"parcel": event.aggregate_id, "to": event.data.to})

    @reacts(ParcelArrived)
    def arrive(self, event: RecordedEvent[ParcelArrived]) -> Message:
        return Message("parcels", {"arrived": event.aggregate_id})


def later() -> Catalogue:
    context = SHIPPING.contexts[0]
    reactions = (Richer, cast("type[Reaction]", Tracking))
    return Catalogue((Context("shipping", Path(), context.events, context.aggregates, reactions=reactions),))


def test_other_code_is_not_blamed_for_what_was_decided_before(shipped: Connection) -> None:
    """Nor for events that were none of its business then."""
    catalogue = later()
    decide(shipped, catalogue, Richer)
    done = audited(shipped, catalogue, *CHECKS)
    (said,) = wrong(done)
    assert said.startswith("decisions: announcement would decide 5 events otherwise by today's code"), said
    assert {found.severity for each in done for found in each.found} == {Severity.INFO}

    position = arrived(shipped, "a")
    decide(shipped, catalogue, Richer)
    assert len(wrong(audited(shipped, catalogue, *CHECKS))) == 1
    shipped.execute("DELETE FROM acci.outbox WHERE position = %s AND reaction = 'announcement'", (position,))
    shipped.execute("DELETE FROM acci.outcomes WHERE position = %s AND reaction = 'announcement'", (position,))
    assert f"announcement has neither decided the ParcelArrived at position {position}" in "".join(
        wrong(audited(shipped, catalogue, "outcomes"))
    )


def test_after_a_rewind_each_event_is_counted_for_the_rewind_that_decided_it(shipped: Connection) -> None:
    """As `rewind` leaves it: a number of its own, the checkpoint set back, states dropped."""
    of_d = "SELECT min(position) FROM acci.outcomes WHERE key = 'd' AND reaction = 'tracking'"
    (row,) = shipped.execute(of_d).fetchall()
    made = "INSERT INTO acci.rewinds (reaction, rewind, position, reason) VALUES ('tracking', 1, %s, 'why')"
    shipped.execute(made, row)
    shipped.execute("UPDATE acci.reactions SET rewind = 1, checkpoint = %s WHERE reaction = 'tracking'", row)
    shipped.execute("DELETE FROM acci.processes")
    assert wrong(audited(shipped, SHIPPING, *CHECKS)) == []
    decide(shipped, SHIPPING, Tracking)
    assert wrong(audited(shipped, SHIPPING, *CHECKS)) == []
    shipped.execute("DELETE FROM acci.outcomes WHERE reaction = 'tracking' AND rewind = 0 AND position > %s", row)
    done = audited(shipped, SHIPPING, *CHECKS)
    assert {each.check for each in done if each.found} == {"effects"}, "what it led to has lost its decision"
    shipped.execute("DELETE FROM acci.outcomes WHERE reaction = 'tracking' AND rewind = 1 AND key = 'f'")
    assert "tracking has neither decided the ParcelSent" in "".join(wrong(audited(shipped, SHIPPING, "outcomes")))


def step(connection: Connection, random: Random) -> None:
    """Something that happens to reactions, at random; each as the function that does it in production leaves it."""
    name = random.choice(("announcement", "tracking"))
    here, parcel, tenant = registration(connection, name), random.choice("abcdef"), random.choice("tu")
    match random.randrange(9):
        case 0 | 1:
            sent(connection, parcel, weight=random.choice((0, 1, 1, 1)), tenant=tenant)
        case 2:
            arrived(connection, parcel, tenant=tenant)
        case 3 | 4:
            reaction = cast("type[Reaction]", {"announcement": Announcement, "tracking": Tracking}[name])
            mark = high_water.establish(connection).position
            Batcher(connection, SHIPPING, reaction).decide(mark, random.choice((1, 3, 100)))
        case 5:
            work(connection, random)
        case 6:
            chosen = "UPDATE acci.timers SET due = clock_timestamp() WHERE reaction = %s AND key = %s"
            connection.execute(chosen, (name, parcel))
            timers.fire(connection, name)
        case 7:
            if random.random() < 0.5 or not (left := letters(connection, name)):
                retry(connection, SHIPPING, name)
            else:
                discard(connection, SHIPPING, name, left[0].position, left[0].ordinal, "why not")
        case _:
            if random.random() < 0.4:
                rewind(connection, name, random.randint(here.begins, here.checkpoint), "it was wrong")


def work(connection: Connection, random: Random) -> None:
    """As a worker that delivers: some end, some fail for good, some are left in the middle."""
    for taken in take(connection, 60, random.randint(1, 3), 2):
        ended = [Ending(row, 1, random.choice((DELIVERED, REFUSED))) for row in taken.rows]
        settlement = Settlement(taken.head, taken.lease, ended)
        if random.random() < 0.2:
            settlement = Settlement(taken.head, taken.lease, tries=5, error="no", delay=None)
        if random.random() < 0.9:
            with connection.transaction():
                settle(connection, [settlement])


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_whatever_happens_to_reactions_raises_no_alarm(connection: Connection, seed: int) -> None:
    random = Random(seed)
    sent(connection, "a")
    register(connection, Announcement)
    register(connection, Tracking, "beginning")
    for _ in range(60):
        step(connection, random)
    assert wrong(audited(connection, SHIPPING, *CHECKS)) == []
    assert connection.execute("SELECT count(*) > 5 FROM acci.outcomes").fetchone() == (True,)
