"""`kill -9` of the worker, of its runs, of both, in the middle of catch-up and of rebuild, on a real Prefect server."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql as identifiers

from acci.domain.projections import Projection
from acci.flows.local.lost_runs import give_up_lost_runs
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection, connect
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build, new_generation
from acci.store.registry import Catalogue
from tests.support.histories import append_orders, append_users, value
from tests.support.prefect_server import PrefectServer, wait_for
from tests.support.read_models import CONTEXTS, live, live_with_users, rows_of, stuck_half_way, wrong_rows
from tests.support.shell import CHECKOUT, command

BUILT, MORE = 4800, 4800  # orders: those built with, and as many that come on the same days


@pytest.fixture
def users(connection: Connection, catalogue: Catalogue) -> type[Projection]:
    """Live, and to be rebuilt."""
    projection = catalogue.projection("user_view")
    live_with_users(connection, catalogue, projection, 300)
    return projection


@pytest.fixture
def sales(connection: Connection, catalogue: Catalogue) -> type[Projection]:
    """Live, and behind. Its rows count and sum: an event that is applied twice shows."""
    projection = catalogue.projection("daily_sales")
    append_orders(connection, BUILT, "built-")
    build.rebuild(connection, catalogue, projection)
    append_orders(connection, MORE, "more-")
    return projection


@contextmanager
def stuck_after_half(connection: Connection, sales: Generation, database_url: str) -> Iterator[None]:
    """Inside, a catch-up waits in the middle of a batch: another session has locked that day's row."""
    row = "SELECT FROM {} WHERE day = '2026-04-11' AND tenant_id = 'tenant-0' FOR UPDATE"
    with connect(database_url, "other") as other, other.transaction():
        held = other.execute(identifiers.SQL(row).format(identifiers.Identifier(sales.schema, "daily_sales")))
        assert held.rowcount == 1
        yield


def stuck(connection: Connection, purpose: str) -> int:
    """How many sessions of that purpose wait for somebody's lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
    return int(value(connection, query, (f"acci {purpose}",)))


def is_gone(connection: Connection, purpose: str) -> bool:
    query = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"
    return bool(value(connection, query, (f"acci {purpose}",)))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("runs_too", [True, False], ids=["the worker and its runs", "the worker alone"])
def test_killed_in_the_middle(
    connection: Connection,
    catalogue: Catalogue,
    users: type[Projection],
    sales: type[Projection],
    database_url: str,
    prefect_server: PrefectServer,
    runs_too: bool,
) -> None:
    environment = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": ",".join(CONTEXTS)}
    before, seen = live(connection, sales), rows_of(connection, users)
    old = live(connection, users)
    new, _ = new_generation.begin(connection, catalogue, users, 2)

    def ask_for_both(batch_size: int) -> list[str]:
        catch_up = {"projection": "daily_sales", "batch_size": batch_size}
        return [
            prefect_server.run(prefect_server.without_limit("catch-up"), catch_up, **environment),
            prefect_server.run(prefect_server.without_limit("rebuild"), {"projection": "user_view"}, **environment),
        ]

    def both_are_at_work() -> bool:
        states = [prefect_server.api.state(run) for run in runs]
        assert {state for state, *_ in states} <= {"SCHEDULED", "PENDING", "RUNNING"}, states
        return stuck(connection, "catch-up") > 0 and stuck(connection, "rebuild") > 0

    def both_are_gone() -> bool:
        return is_gone(connection, "catch-up") and is_gone(connection, "rebuild")

    with stuck_after_half(connection, before, database_url), stuck_half_way(connection, new, database_url):
        runs = ask_for_both(batch_size=100)
        wait_for(both_are_at_work, 120, "both are at work")
        if runs_too:
            prefect_server.kill_worker_and_runs()
            wait_for(both_are_gone, 30, "the server has noticed that both are gone")
            reached = live(connection, sales).checkpoint
            assert before.checkpoint < reached < before.checkpoint + MORE
            assert (reached - before.checkpoint) % 100 == 0, "whole batches"
            users_events = value(connection, "SELECT count(*) FROM acci.events WHERE aggregate_type = 'User'")
            assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == reached - users_events
            assert live(connection, users).generation == old.generation
            assert rows_of(connection, users) == seen
        else:
            prefect_server.kill_worker()
    wait_for(both_are_gone, 90, "runs without a worker come to their end")
    assert wrong_rows(connection, users) == 0

    give_up_lost_runs(prefect_server.api, "acci")  # as `acci up` does before it starts a worker again
    prefect_server.start_worker()
    runs = ask_for_both(batch_size=1000)
    assert [prefect_server.ended(run)["state"]["type"] for run in runs] == ["COMPLETED", "COMPLETED"]
    assert live(connection, sales).checkpoint == value(connection, "SELECT max(position) FROM acci.events")
    assert wrong_rows(connection, sales) == 0
    assert wrong_rows(connection, users) == 0
    if runs_too:
        assert live(connection, users).generation == new.generation, "the rebuild was gone on with"


@pytest.mark.timeout(400)
def test_the_prefect_server_is_killed_in_the_middle(
    connection: Connection,
    catalogue: Catalogue,
    users: type[Projection],
    database_url: str,
    prefect_server: PrefectServer,
) -> None:
    """The run can report to no server. Whether it ends or not, the next one continues from its checkpoint."""
    environment = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": ",".join(CONTEXTS)}
    new, _ = new_generation.begin(connection, catalogue, users, 2)
    rebuild = prefect_server.without_limit("rebuild")
    with stuck_half_way(connection, new, database_url):
        lost = prefect_server.run(rebuild, {"projection": "user_view"}, **environment)
        wait_for(lambda: stuck(connection, "rebuild"), 120, "it is at work")
        prefect_server.kill_server()
        append_users(connection, 20, first=301)
        catch_up(connection, catalogue, users)
        assert wrong_rows(connection, users) == 0
    prefect_server.kill_worker_and_runs()
    wait_for(lambda: is_gone(connection, "rebuild"), 30, "the run is gone")
    assert wrong_rows(connection, users) == 0
    prefect_server.start_server()
    assert prefect_server.api.state(lost)[0] == "RUNNING", "so the server believes"
    give_up_lost_runs(prefect_server.api, "acci")  # as `acci up` does before it starts a worker again
    prefect_server.start_worker()
    again = prefect_server.run(rebuild, {"projection": "user_view"}, **environment)
    assert prefect_server.ended(again)["state"]["type"] == "COMPLETED"
    assert wrong_rows(connection, users) == 0
    assert live(connection, users).generation >= new.generation


def test_acci_run_killed_in_the_middle(
    connection: Connection, sales: type[Projection], database_url: str, prefect_server: PrefectServer
) -> None:
    """A run from the command line has no worker that could report its death."""
    environment = prefect_server.environment | {
        "ACCI_DATABASE_URL": database_url,
        "ACCI_CONTEXTS": ",".join(CONTEXTS),
    }
    catch_up = command(["run", "catch-up", "daily_sales", "--batch-size", "100"])
    before = live(connection, sales)
    with stuck_after_half(connection, before, database_url):
        process = subprocess.Popen(catch_up, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: stuck(connection, "catch-up"), 60, "it is at work")
        finally:
            process.kill()
            process.wait()
        wait_for(lambda: is_gone(connection, "catch-up"), 30, "it is gone")
    assert before.checkpoint < live(connection, sales).checkpoint < before.checkpoint + MORE

    done = subprocess.run(catch_up, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 projections moved" in done.stdout
    assert wrong_rows(connection, sales) == 0
