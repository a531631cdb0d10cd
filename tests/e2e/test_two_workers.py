"""Scaling out: two workers on one work pool share the runs, on any machines."""

import re
from typing import Any

import pytest

from acci.store.postgres.database import Connection
from acci.store.rebuilding import new_generation
from acci.store.registry import load
from tests.support.histories import append_users
from tests.support.prefect_server import PrefectServer, wait_for
from tests.support.read_models import CONTEXTS, live, live_with_orders, stuck_half_way, wrong_rows

CATALOGUE = load(CONTEXTS)
USERS, SALES = CATALOGUE.projection("user_view"), CATALOGUE.projection("daily_sales")


def worker_of(prefect_server: PrefectServer, run: str) -> str | None:
    """The name of the worker that took the run, once one has."""
    wanted = {"logs": {"flow_run_id": {"any_": [run]}}}
    logs: list[dict[str, Any]] = prefect_server.client.post("/logs/filter", json=wanted).raise_for_status().json()
    found = (re.match(r"Worker '(.+)' submitting flow run", log["message"]) for log in logs)
    return next((match[1] for match in found if match), None)


@pytest.mark.timeout(400)
def test_two_workers_share_the_runs_of_one_pool(
    prefect_server: PrefectServer, connection: Connection, database_url: str
) -> None:
    """A rebuild in two partitions is held half-way, so its worker is busy: the other worker takes the other rebuild."""
    append_users(connection, 100)
    live_with_orders(connection, CATALOGUE, USERS, 100)
    new, _ = new_generation.begin(connection, CATALOGUE, USERS, 2)
    environment = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": ",".join(CONTEXTS)}

    def ask(projection: str) -> str:
        deployment = prefect_server.without_limit("rebuild", "shared")
        return prefect_server.run(deployment, {"projection": projection, "partitions": 2}, **environment)

    with prefect_server.workers("shared", "worker-1", "worker-2"):
        with stuck_half_way(connection, new, database_url):
            held = ask("user_view")
            first = wait_for(lambda: worker_of(prefect_server, held), 120, "a worker takes the first run")
            other = ask("daily_sales")
            assert prefect_server.ended(other)["state"]["type"] == "COMPLETED"
            second = worker_of(prefect_server, other)
            assert live(connection, USERS).generation == 1
        assert prefect_server.ended(held)["state"]["type"] == "COMPLETED"
    assert {first, second} == {"worker-1", "worker-2"}
    assert live(connection, USERS).generation == new.generation
    assert wrong_rows(connection, USERS) == wrong_rows(connection, SALES) == 0
