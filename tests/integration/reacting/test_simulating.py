"""A simulation says what a reaction would decide; it is what is decided then, and it leaves nothing behind."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.reacting import simulating
from acci.store.reacting.batches import Batcher
from acci.store.reacting.registrations import StartBeyondLog, register
from acci.store.reacting.rewinding import rewind
from acci.store.reacting.simulating import Simulated, SimulatedEffect, simulate
from acci.store.registry import Catalogue, load
from tests.domains.shipping import Announcement, Tracking
from tests.integration.reacting.test_dead_letters import BROKEN, Weighing
from tests.support.parcels import arrived, sent


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.shipping"])


def stored(connection: Connection) -> tuple[Any, ...]:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM acci.reactions), (SELECT count(*) FROM acci.outcomes),"
        " (SELECT count(*) FROM acci.outbox), (SELECT count(*) FROM acci.undecided),"
        " (SELECT count(*) FROM acci.timers), (SELECT count(*) FROM acci.processes),"
        " (SELECT max(checkpoint) FROM acci.reactions)"
    ).fetchone()
    assert row is not None
    return tuple(row)


def decided(connection: Connection, catalogue: Catalogue, reaction: type[Tracking | Weighing]) -> None:
    Batcher(connection, catalogue, reaction).decide(high_water.establish(connection).position)


def payloads(simulated: list[Simulated]) -> list[Any]:
    return [effect.content["payload"] for each in simulated for effect in each.effects if effect.kind == "message"]


def test_a_reaction_that_never_ran_is_simulated_from_where_it_begins(
    connection: Connection, catalogue: Catalogue
) -> None:
    first, second = sent(connection, "a"), arrived(connection, "a")
    before = stored(connection)

    one, two = simulate(connection, catalogue, Tracking, "beginning")

    assert (one.position, one.event_type, one.tenant_id, one.key) == (first, "ParcelSent", "t", "a")
    command, timer = one.effects
    assert command == SimulatedEffect("command", "PrintLabel", {"data": {"label": "label-a", "parcel": "a"}})
    due = one.recorded_at + timedelta(days=3)
    assert timer == SimulatedEffect("event", "ParcelOverdue", {}, timer="overdue", due=due)
    assert two.position == second
    assert two.effects[0] == SimulatedEffect("cancel", "", None, timer="overdue")
    assert payloads([two]) == [{"arrived": "a", "steps": 2}]
    assert payloads(list(simulate(connection, catalogue, Tracking, first))) == [{"arrived": "a", "steps": 1}]
    assert list(simulate(connection, catalogue, Tracking, "head")) == []
    assert stored(connection) == before


def test_one_that_runs_is_simulated_on_the_states_that_were_there(connection: Connection, catalogue: Catalogue) -> None:
    register(connection, Tracking)
    first = sent(connection, "a")
    second = arrived(connection, "a")
    decided(connection, catalogue, Tracking)
    third = arrived(connection, "a")
    fourth = arrived(connection, "a")
    before = stored(connection)

    def steps(since: Any, upto: int | None = None) -> list[int]:
        return [each["steps"] for each in payloads(list(simulate(connection, catalogue, Tracking, since, upto)))]

    assert steps(first) == [2, 3, 4]
    assert steps(second) == [3, 4]
    assert steps(third) == [4], "what is not decided yet is folded too"
    assert steps(first, second) == [2]
    assert steps(fourth) == []
    assert stored(connection) == before


def test_what_cannot_be_decided_is_said_and_its_key_waits(connection: Connection) -> None:
    for weight in (0, 1):
        sent(connection, "a", weight)
    sent(connection, "b", 2)
    dead, waits, decided_ = simulate(connection, BROKEN, Weighing, "beginning")
    assert (dead.error, dead.waits, dead.key) == ("integer division or modulo by zero", False, "a")
    assert (waits.error, waits.waits, waits.effects) == (None, True, ())
    assert (decided_.error, decided_.waits) == (None, False)
    register(connection, Weighing, "beginning")
    decided(connection, BROKEN, Weighing)
    (waits, _) = simulate(connection, BROKEN, Weighing, dead.position)
    assert waits.waits, "a rewind to there would leave the dead letter"


def test_a_position_beyond_the_log_is_refused(connection: Connection, catalogue: Catalogue) -> None:
    with pytest.raises(StartBeyondLog):
        simulate(connection, catalogue, Announcement, 10)


@given(
    history=some.lists(some.tuples(some.sampled_from("ab"), some.sampled_from([0, 1, 2])), min_size=1, max_size=12),
    cut=some.integers(0, 12),
    page=some.integers(1, 4),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_rewind_decides_what_was_simulated(
    connection: Connection, history: list[tuple[str, int]], cut: int, page: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, connection.transaction(force_rollback=True):
        patch.setattr(simulating, "PAGE", page)
        patch.setattr(high_water, "establish", lambda _: high_water.HighWater(10**9, 10**9))
        register(connection, Weighing, 0)
        positions = [sent(connection, parcel, weight) for parcel, weight in history]
        batcher = Batcher(connection, BROKEN, Weighing)
        batcher.decide(positions[-1])
        begin = positions[min(cut, len(positions) - 1)]

        simulated = list(simulate(connection, BROKEN, Weighing, begin, positions[-1]))

        rewind(connection, "weighing", begin, "so")
        batcher.decide(positions[-1])
        found = connection.execute("SELECT content -> 'payload' FROM acci.outbox WHERE rewind = 1 ORDER BY position")
        assert payloads(simulated) == [row[0] for row in found]
        undecided = connection.execute(
            "SELECT position, error FROM acci.undecided WHERE position > %s ORDER BY position", (begin,)
        ).fetchall()
        assert [(each.position, each.error) for each in simulated if each.error or each.waits] == undecided
