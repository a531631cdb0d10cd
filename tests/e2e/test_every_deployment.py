"""Every deployment, run once by the worker on a real server: its final state and message."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from acci.store.registry import load
from acci.store.settings import CHECKOUT
from acci.store.testing.simulation import simulate
from tests.support.prefect_server import PrefectServer
from tests.support.servers import SharedServer

DECLARED = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]
Expected = dict[str, tuple[dict[str, Any], str]]

# In the order of a new system's first day, side by side what does not get in each other's way: the parameters, and the
# name of the state that it ends in.
TOGETHER: list[Expected] = [
    {
        "catch-up": ({}, "Completed"),
        "seal": ({"size": 100}, "Completed"),
        "repair": ({}, "NothingToDo"),
        "compact-snapshots": ({}, "NothingToDo"),
    },
    {
        "rebuild": ({"projection": "user_view"}, "Completed"),
        "audit-sample": ({}, "Completed"),
        "check-quality": ({}, "Completed"),
        "retry-dead-letters": ({}, "NothingToDo"),
    },
    {
        "rebuild-all": ({}, "Completed"),
        "backfill": ({"projection": "user_view", "tenants": ["acme"]}, "DryRun"),
        "check-health": ({}, "Healthy"),
        "housekeeping": ({}, "NothingToDo"),
    },
    {
        "rollback": ({"projection": "user_view"}, "Completed"),
        "rebuild-stale": ({}, "NothingToDo"),
        "audit": ({"projection": "user_view"}, "Completed"),
        "follow": ({"seconds": 1}, "NothingToDo"),
        "react": ({}, "NothingToDo"),
        "keep-reacting": ({"seconds": 1}, "NothingToDo"),
    },
]

# How each run's final name begins: the projection, and the part that the run worked on.
CALLED = {
    "catch-up": "catch up all, positions 1 to 5",
    "rebuild": "rebuild user_view, up to position 5",
    "backfill": "backfill user_view, tenant acme, dry run",
    "audit": "audit user_view, whole",
}


@pytest.fixture
def users(server: SharedServer) -> Iterator[str]:
    """A log of users, with no read model yet."""
    with server.database() as url:
        simulation = load(["acci.domain.users"]).contexts[0].simulation
        assert simulation is not None
        simulate(url, simulation, events=500)
        yield url


def test_every_deployment_is_tested() -> None:
    assert sorted(name for group in TOGETHER for name in group) == sorted(each["name"] for each in DECLARED)


@pytest.mark.timeout(600)
def test_a_run_of_each_deployment(prefect_server: PrefectServer, users: str) -> None:
    for group in TOGETHER:
        run_together(prefect_server, users, group)


def run_together(prefect_server: PrefectServer, users: str, group: Expected) -> None:
    environment = {"ACCI_DATABASE_URL": users, "ACCI_CONTEXTS": "acci.domain.users"}
    asked = {name: prefect_server.run(name, parameters, **environment) for name, (parameters, _) in group.items()}
    for name, run in asked.items():
        parameters, expected = group[name]
        ended = prefect_server.ended(run, 300)
        state = ended["state"]
        assert (name, state["type"], state["name"]) == (name, "COMPLETED", expected), state["message"]
        assert state["message"], name
        assert parameters.get("projection", "") in ended["name"]
        assert ended["name"].startswith(CALLED.get(name, "")), ended["name"]
