"""Two ACCI databases on one Prefect server: neither replaces the other's objects without `--take-over`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from acci.flows.local.deployments import NotOurs, Owner
from acci.flows.local.object_names import OwnNames
from tests.support.prefect_server import PrefectServer
from tests.support.shell import acci, refusal

ONE, OTHER = UUID(int=11), UUID(int=12)
FILE = """
work_queues: [{name: live}]
deployments:
  - name: shared
    entrypoint: acci.flows.catch_up.catch_up
    tags: [acci]
    parameters: {}
    schedules: []
    triggers:
      - {type: event, name: shared-trigger, enabled: false, expect: [acci.audit.found],
         match: {prefect.resource.id: acci.read-model.*}}
    work_pool: {name: acci, work_queue_name: live}
automations:
  - name: shared automation
    trigger: {type: event, posture: Reactive, match: {prefect.resource.id: acci.*}, expect: [x], threshold: 1}
    actions: []
notifications: []
"""


@pytest.fixture
def file(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "prefect.yaml").write_text(FILE)
    yield tmp_path / "prefect.yaml"
    remove(prefect_server, "shared")


def remove(prefect_server: PrefectServer, word: str) -> None:
    """Afterwards no deployment or automation has the word in its name."""
    for name, found in prefect_server.deployments().items():
        if word in name:
            prefect_server.client.delete(f"/deployments/{found['id']}").raise_for_status()
    for automation in automations(prefect_server):
        if word in automation["name"]:
            prefect_server.client.delete(f"/automations/{automation['id']}").raise_for_status()


def automations(prefect_server: PrefectServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = prefect_server.client.post("/automations/filter", json={}).raise_for_status().json()
    return found


def shared(prefect_server: PrefectServer) -> dict[str, tuple[str, list[str]]]:
    """The deployments made here: their pools and tags."""
    found = prefect_server.deployments().items()
    return {name: (each["work_pool_name"], each["tags"]) for name, each in found if name.endswith("shared")}


def test_neither_database_replaces_the_others_deployments(prefect_server: PrefectServer, file: Path) -> None:
    ours = ("acci", ["acci", f"acci-database:{ONE}"])
    for _ in range(2):
        prefect_server.apply(Owner(ONE, OwnNames()), file)
        assert shared(prefect_server) == {"shared": ours}

    with pytest.raises(NotOurs, match=rf"\(shared\) that belong to another database of ACCI's \(its id: {ONE}\)"):
        prefect_server.apply(Owner(OTHER, OwnNames()), file)
    assert shared(prefect_server) == {"shared": ours}

    prefect_server.apply(Owner(OTHER, OwnNames("shop")), file)
    theirs = ("shop-acci", ["shop-acci", f"acci-database:{OTHER}"])
    assert shared(prefect_server) == {"shared": ours, "shop-shared": theirs}
    watched = {
        each["name"]: each["trigger"]["match"]["prefect.resource.id"]
        for each in automations(prefect_server)
        if "shared" in each["name"]
    }
    assert watched == {
        "shared automation": "acci.*",
        "shared-trigger": "acci.read-model.*",
        "shop-shared automation": "shop-acci.*",
        "shop-shared-trigger": "shop-acci.read-model.*",
    }

    prefect_server.apply(Owner(OTHER, OwnNames(), takes_over=True), file)
    assert shared(prefect_server)["shared"] == ("acci", ["acci", f"acci-database:{OTHER}"])


@pytest.mark.parametrize(("tags", "is_refused"), [([], True), (["acci"], False)], ids=["of others", "of before"])
def test_deployments_without_a_database_are_taken_only_with_accis_tag(
    prefect_server: PrefectServer, file: Path, tags: list[str], is_refused: bool
) -> None:
    """Deployments of an older ACCI name no database; those without its tag belong to something else."""
    flow = prefect_server.deployments()["catch-up"]["flow_id"]
    made = {"name": "shared", "flow_id": flow, "tags": tags}
    prefect_server.client.post("/deployments/", json=made).raise_for_status()
    if is_refused:
        with pytest.raises(NotOurs, match="belong to something else than ACCI"):
            prefect_server.apply(Owner(ONE, OwnNames()), file)
    else:
        prefect_server.apply(Owner(ONE, OwnNames()), file)
        assert shared(prefect_server)["shared"][1] == ["acci", f"acci-database:{ONE}"]


def test_the_command_refuses_in_a_sentence(prefect_server: PrefectServer, database_url: str) -> None:
    before = prefect_server.deployed()
    said = refusal(acci("deploy", ACCI_DATABASE_URL=database_url, **prefect_server.access))
    assert "(audit, audit-sample, backfill …) that belong to another database" in said
    assert prefect_server.deployed() == before
    wrong = acci("deploy", ACCI_DATABASE_URL=database_url, ACCI_PREFECT_PREFIX="A b", **prefect_server.access)
    assert refusal(wrong).startswith("ACCI_PREFECT_PREFIX is 'A b'")
