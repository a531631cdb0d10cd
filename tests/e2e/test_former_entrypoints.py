"""Runs that wait under an entrypoint from before ACCI's modules were imported as `acci.…`."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from acci.flows.local.deployments import Owner
from acci.flows.local.object_names import OwnNames
from tests.support.prefect_server import PrefectServer

OURS, THEIRS = UUID(int=21), UUID(int=22)
POOL = "former-acci"
FILE = """
work_queues: [{name: live}]
deployments:
  - name: catch-up
    entrypoint: acci.flows.catch_up.catch_up
    tags: [acci]
    parameters: {}
    schedules: []
    work_pool: {name: acci, work_queue_name: live}
automations: []
notifications: []
"""


@pytest.fixture
def made(prefect_server: PrefectServer) -> Iterator[dict[str, str]]:
    """Deployments with a former entrypoint, by name: declared, made by a person, and another database's."""
    prefect_server.api.ensure_work_pool(POOL)
    flow = prefect_server.deployments()["catch-up"]["flow_id"]
    entrypoints = {"former-catch-up": "catch_up.catch_up", "former-gone": "gone.gone", "former-theirs": "gone.gone"}
    found = {}
    for name, entrypoint in entrypoints.items():
        owner = THEIRS if name == "former-theirs" else OURS
        tags = ["former-acci", f"acci-database:{owner}"]
        wanted = {"name": name, "flow_id": flow, "tags": tags, "work_pool_name": POOL}
        wanted["entrypoint"] = f"flows.{entrypoint}"
        found[name] = prefect_server.client.post("/deployments/", json=wanted).raise_for_status().json()["id"]
    yield found
    for deployment in found.values():
        prefect_server.client.delete(f"/deployments/{deployment}").raise_for_status()


def test_waiting_runs_still_run_or_fail_with_a_message(
    prefect_server: PrefectServer, made: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    environment = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "acci.domain.users"}
    waiting = {name: prefect_server.run(name, {}, **environment) for name in made}
    (tmp_path / "prefect.yaml").write_text(FILE)
    prefect_server.apply(Owner(OURS, OwnNames("former")), tmp_path / "prefect.yaml")

    assert prefect_server.deployments()["former-catch-up"]["id"] == made["former-catch-up"]
    kind, said, _ = prefect_server.api.state(waiting["former-gone"])
    assert kind == "FAILED"
    assert said.startswith("This version of ACCI has no flow flows.gone.gone. Give the deployment former-gone the")
    assert prefect_server.api.state(waiting["former-theirs"])[0] == "SCHEDULED"
    with prefect_server.workers(POOL, "former"):
        state = prefect_server.ended(waiting["former-catch-up"])["state"]
    assert state["type"] == "COMPLETED", state["message"]
