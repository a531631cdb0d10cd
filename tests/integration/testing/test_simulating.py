"""Simulated histories in the log: whole, repeatable, and by real commands."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from acci.domain.errors import UnknownName
from acci.domain.events import Event
from acci.domain.simulations import Plan, SimulatedCommand
from acci.store.postgres.database import connect
from acci.store.postgres.migrations import migrate
from acci.store.registry import load
from acci.store.testing.simulation import SimulationRunning, simulate, simulate_live, simulation_of

CATALOGUE = load(["acci.domain.users"])
USERS = simulation_of(CATALOGUE, "users")
END = datetime(2024, 6, 1, tzinfo=UTC)


def log(database_url: str, columns: str) -> set[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return set(connection.execute(f"SELECT {columns} FROM acci.events").fetchall())  # noqa: S608 a constant


def wrong_streams(database_url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT aggregate_id FROM acci.events GROUP BY tenant_id, aggregate_type, aggregate_id "
            "HAVING min(version) <> 1 OR max(version) <> count(*)"
        ).fetchall()


def test_several_writers_append_the_requested_number_of_events(database_url: str) -> None:
    told: list[int] = []
    done = simulate(database_url, USERS, events=25_003, writers=3, progress=told.append)
    assert (done.events, sum(told)) == (25_003, 25_003)
    assert len(log(database_url, "position")) == 25_003
    assert wrong_streams(database_url) == []


def test_the_same_seed_gives_the_same_log(database_url: str, empty_database_url: str) -> None:
    migrate(empty_database_url)
    for url in (database_url, empty_database_url):
        simulate(url, USERS, events=3000, writers=3, seed=7, end=END)
    what = "id, tenant_id, aggregate_id, version, event_type, data::text, metadata::text, timestamp"
    assert log(database_url, what) == log(empty_database_url, what)


def test_a_second_history_has_users_of_its_own(database_url: str) -> None:
    for _ in range(2):
        simulate(database_url, USERS, events=2000, writers=2)
    assert len(log(database_url, "position")) == 4000
    assert wrong_streams(database_url) == []


def test_fewer_events_than_writers(database_url: str) -> None:
    assert simulate(database_url, USERS, events=2, writers=4).events == 2
    assert len(log(database_url, "position")) == 2


def test_two_at_once_are_refused(database_url: str) -> None:
    with connect(database_url, "test") as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended('acci simulate', 0))")
        with pytest.raises(SimulationRunning):
            simulate(database_url, USERS, events=1)


def test_one_writer_fails_and_the_others_stop(database_url: str) -> None:
    class Failing:
        def events(self, plan: Plan) -> Iterator[Event[Any]]:
            if plan.writer == 1:
                raise ZeroDivisionError
            return USERS.events(plan)

        def commands(self, plan: Plan) -> Iterator[SimulatedCommand]:
            return USERS.commands(plan)

    with pytest.raises(ZeroDivisionError):
        simulate(database_url, Failing(), events=100_000_000, writers=3)


def test_live_commands_are_all_accepted(database_url: str) -> None:
    sent: list[int] = []
    done = simulate_live(database_url, CATALOGUE, USERS, rate=200, seconds=1.5, writers=3, progress=sent.append)
    assert done.refused == 0
    assert 0 < done.events <= len(sent) <= 300
    assert len(log(database_url, "position")) == done.events
    assert wrong_streams(database_url) == []
    (metadata,) = next(iter(log(database_url, "metadata ->> 'causation_id'")))
    assert metadata


def test_a_domain_that_makes_up_nothing() -> None:
    with pytest.raises(UnknownName, match="simulation named 'any'"):
        simulation_of(load(["tests.domains.permits"]), None)
    with pytest.raises(UnknownName, match="Known: users"):
        simulation_of(CATALOGUE, "permits")
