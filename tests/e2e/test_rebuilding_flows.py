"""Rebuild, rollback and backfill as flows on a real server: what they do, what state they end in, what they show."""

import re
from typing import Any

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from acci.flows.artifacts.tables import MAX_FAILURE_LENGTH, MAX_LISTED_FAILURES, listed
from acci.flows.backfill import backfill
from acci.flows.catch_up import catch_up as catch_up_flow
from acci.flows.rebuild import rebuild
from acci.flows.retry_dead_letters import retry_dead_letters
from acci.flows.rollback import rollback
from acci.store.generations import generations
from acci.store.postgres.database import Connection
from acci.store.projecting.batches import catch_up
from acci.store.projecting.dead_letters import letters
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.histories import append_bad_item, append_bad_order, append_orders, append_users, value
from tests.support.prefect_server import PrefectServer
from tests.support.read_models import CONTEXTS, live_with_orders, live_with_users, wrong_rows

CATALOGUE = load(CONTEXTS)
SALES, USERS = (CATALOGUE.projection(name) for name in ("daily_sales", "user_view"))


class Runs:
    """Flows run in this process and recorded by the server; the store is the test's own database."""

    def __init__(self, server: PrefectServer) -> None:
        self._server = server

    def __call__(self, flow: Any, **parameters: Any) -> tuple[str, str, dict[str, Any]]:
        """The state's name and message, and the run's artifacts by key."""
        url, login = self._server.access.values()
        with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: login}):
            state = flow(**parameters, return_state=True)
        run = str(state.state_details.flow_run_id)
        wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        found = self._server.client.post("/artifacts/filter", json=wanted).raise_for_status().json()
        shown: dict[str, Any] = {}
        for artifact in found:
            shown[artifact["key"]] = f"{shown.get(artifact['key'], '')}{artifact['data']}"
        return state.name, state.message, shown


@pytest.fixture
def run(prefect_server: PrefectServer, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("ACCI_DATABASE_URL", database_url)
    monkeypatch.setenv("ACCI_CONTEXTS", ",".join(CONTEXTS))
    return Runs(prefect_server)


def test_rebuilds_one_several_stale_or_no_read_models(run: Runs, connection: Connection) -> None:
    append_users(connection, 50)
    append_orders(connection, 50)

    name, message, shown = run(rebuild, projection="daily_sales", dry_run=True)
    assert name == "Completed"
    assert "nothing was changed" in message
    assert "it was never built" in shown["rebuild-plan"]
    assert generations.live(connection, "daily_sales") is None

    name, message, shown = run(rebuild, projection="daily_sales, user_view", partitions=2)
    assert (name, message) == ("Completed", "daily_sales, user_view rebuilt.")
    assert "passed" in shown["rebuild-gate"]
    assert wrong_rows(connection, SALES) == wrong_rows(connection, USERS) == 0

    name, message, shown = run(rebuild, projection="stale")
    assert (name, message) == ("Completed", "largest_items, order_totals rebuilt.")
    assert run(rebuild, projection="stale")[0] == "NothingToDo"


def test_a_failing_rebuild_does_not_stop_the_others(run: Runs, connection: Connection) -> None:
    append_orders(connection, 50)
    append_bad_item(connection)
    name, message, shown = run(rebuild, projection="all")
    assert name == "Failed"
    assert "1 of 4 failed" in message
    assert "order_totals was not published" in message
    assert "could not be applied" in message
    assert generations.live(connection, "order_totals") is None
    assert wrong_rows(connection, SALES) == 0
    assert "order_totals, generation 3: NOT PUBLISHED" in shown["rebuild-gate"]

    assert run(rebuild, projection="order_totals", allow_dead_letters=True)[0] == "Completed"
    name, message, shown = run(retry_dead_letters)
    assert name == "Failed"
    assert "two" in shown["dead-letters"]


def test_a_catch_up_says_why_each_failed(run: Runs, connection: Connection) -> None:
    append_orders(connection, 5)
    assert run(catch_up_flow)[0] == "Completed"
    connection.execute("UPDATE acci.generations SET fingerprint = 'another' WHERE projection = 'daily_sales'")
    append_orders(connection, 5, "more-")

    name, message, shown = run(catch_up_flow)
    assert name == "Failed"
    assert message.startswith("1 of 4 failed. daily_sales needs a rebuild: ")
    assert "acci run rebuild daily_sales" in message
    assert "acci run rebuild daily_sales" in shown["catch-up"]


def test_the_list_of_failures_has_a_bounded_length() -> None:
    assert listed([("a", "no\n  such."), ("b", "b is gone.")]) == "a: no such.; b is gone."
    assert listed([("a", "x" * 10_000 + " Run it again.")]).endswith(" Run it again.")
    long = listed([(f"p{number}", "x" * 10_000) for number in range(MAX_LISTED_FAILURES + 3)])
    assert len(long) < MAX_LISTED_FAILURES * (MAX_FAILURE_LENGTH + 10) + 50
    assert long.endswith("; and 3 more: see the run's table")


def test_a_refused_read_model_does_not_stop_retries_of_others(run: Runs, connection: Connection) -> None:
    totals = CATALOGUE.projection("order_totals")
    append_orders(connection, 10)
    for projection in (SALES, totals):
        build.rebuild(connection, CATALOGUE, projection)
    append_bad_order(connection)
    for projection in (SALES, totals):
        catch_up(connection, CATALOGUE, projection)
    connection.execute("ALTER TABLE generation_1.daily_sales ADD COLUMN note text")
    name, message, shown = run(retry_dead_letters)
    assert name == "Failed"
    assert "2 events still cannot be applied" in message
    assert "The table of daily_sales was altered by hand" in message
    assert "order_totals" in shown["retry-dead-letters"]
    tries = {letter.projection: letter.tries for letter in letters(connection)}
    assert tries == {"daily_sales": 1, "order_totals": 2}


def test_a_failing_expectation_stops_a_rebuild_at_the_gate(run: Runs, connection: Connection) -> None:
    live_with_users(connection, CATALOGUE, USERS, 20)
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (now(), gen_random_uuid(), 1, 'tenant-1', 'User', 'new', 'UserCreated',
                   '{"email": "nowhere", "name": "New"}', '{}')"""
    )
    name, message, shown = run(rebuild, projection="user_view")
    assert name == "Failed"
    assert "user_view was not published" in message
    assert "expect_column_values_to_match_regex" in message
    assert "Compared with the live generation" in shown["rebuild-gate"]
    live = generations.live(connection, "user_view")
    assert live is not None
    assert live.generation == 1
    assert [each.generation for each in generations.rejected(connection, "user_view")] == [2]


def test_a_removed_column_that_a_view_needs_stops_a_rebuild_before_the_build(run: Runs, connection: Connection) -> None:
    live_with_orders(connection, CATALOGUE, SALES, 20)
    connection.execute("CREATE OR REPLACE VIEW read.daily_sales AS SELECT *, 1 AS extra FROM generation_1.daily_sales")
    connection.execute("CREATE VIEW public.report AS SELECT sum(extra) FROM read.daily_sales")
    name, message, shown = run(rebuild, projection="daily_sales")
    assert name == "Failed"
    assert "report needs extra" in message
    assert "extra goes" in shown["rebuild-plan"]
    assert value(connection, "SELECT max(generation) FROM acci.generations") == 1


def test_a_rollback_and_a_backfill(run: Runs, connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    append_orders(connection, 50, "first-")
    for _ in range(2):
        build.rebuild(connection, CATALOGUE, SALES)
    append_orders(connection, 50, "later-")
    name, message, _ = run(rollback, projection="daily_sales")
    assert (name, message) == ("Completed", "daily_sales: generation 1 is live again, at position 100.")
    assert wrong_rows(connection, SALES) == 0

    connection.execute("UPDATE generation_1.daily_sales SET orders = 0 WHERE tenant_id = 'tenant-1'")
    wrong = wrong_rows(connection, SALES)
    name, message, _ = run(backfill, projection="daily_sales", tenants=["tenant-1"])
    assert name == "DryRun"
    assert wrong_rows(connection, SALES) == wrong > 0
    name, message, shown = run(backfill, projection="daily_sales", tenants=["tenant-1"], dry_run=False, chunk_size=2)
    assert name == "Completed"
    assert "pending" not in shown["backfill"]
    assert re.search(r"daily_sales: \d+ keys chosen, in chunks: (\d+), still to do: \1 \(backfill number", caplog.text)
    assert wrong_rows(connection, SALES) == 0
    name, message, _ = run(backfill, projection="daily_sales", since="yesterday")
    assert name == "Failed"
    assert "'yesterday' is no moment with a time zone" in message
    catch_up(connection, CATALOGUE, SALES)
    assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == 100
