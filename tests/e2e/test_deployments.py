"""The deployments of prefect.yaml on a real server: registered, scheduled, run by a worker."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import psycopg
import pytest
import yaml

from acci.flows.local.lost_runs import give_up_lost_runs
from acci.store.settings import CHECKOUT
from tests.support.prefect_server import DATABASE, PrefectServer, wait_for

FILE: dict[str, Any] = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())
DECLARED: list[dict[str, Any]] = FILE["deployments"]
NAMES = [declared["name"] for declared in DECLARED]


@pytest.mark.parametrize("declared", DECLARED, ids=NAMES)
def test_a_deployment_is_registered_as_declared(prefect_server: PrefectServer, declared: dict[str, Any]) -> None:
    found = prefect_server.deployments()[declared["name"]]
    assert found["entrypoint"] == declared["entrypoint"]
    assert found["description"] == declared["description"]
    assert found["tags"] == [*declared["tags"], f"acci-database:{DATABASE}"]
    assert found["parameters"] == declared["parameters"]
    limit = declared["concurrency_limit"]
    assert found["concurrency_options"]["collision_strategy"] == limit["collision_strategy"]
    assert limit["collision_strategy"] == "ENQUEUE"  # or a requested run could be cancelled without notice
    assert found["global_concurrency_limit"]["limit"] == limit["limit"]
    assert found["work_queue_name"] == declared["work_pool"]["work_queue_name"]
    assert float(found["job_variables"]["env"]["ACCI_TIMEOUT_SECONDS"]) > 0
    assert sorted(
        (each["schedule"]["cron"], each["schedule"]["timezone"], each["active"], str(each["parameters"]))
        for each in found["schedules"]
    ) == sorted(
        (each["cron"], each["timezone"], each.get("active", True), str(each.get("parameters", {})))
        for each in declared["schedules"]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_deployment_does_not_depend_on_this_machine(prefect_server: PrefectServer, name: str) -> None:
    assert str(CHECKOUT) not in str(prefect_server.deployments()[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_typed_and_described(prefect_server: PrefectServer, name: str) -> None:
    schema = prefect_server.deployments()[name]["parameter_openapi_schema"]
    assert schema["properties"]
    for parameter, shown in schema["properties"].items():
        assert shown.get("type"), parameter
        assert shown.get("description"), parameter


@pytest.mark.parametrize(
    ("deployment", "parameters", "said"),
    [
        ("audit", {"projection": "no_such"}, "no_such"),
        ("audit", {"one_in": 0}, "minimum"),
        ("audit", {"since": "yesterday"}, "yesterday"),
        ("audit", {"checks": ["no_such"]}, "no_such"),
        ("rebuild", {"projection": "user_view", "changes_allowed": 101}, "maximum"),
        ("rebuild", {}, "projection"),
        ("backfill", {"projection": "user_view", "event_types": ["NoSuch"]}, "NoSuch"),
    ],
)
def test_wrong_parameters_never_become_a_run(
    prefect_server: PrefectServer, deployment: str, parameters: dict[str, Any], said: str
) -> None:
    path = f"/deployments/{prefect_server.deployments()[deployment]['id']}/create_flow_run"
    refused = prefect_server.client.post(path, json={"parameters": parameters})
    assert refused.status_code == 409
    assert said in refused.json()["detail"]


def test_a_form_offers_what_is_registered(prefect_server: PrefectServer) -> None:
    def offered(deployment: str, parameter: str) -> list[str]:
        schema = prefect_server.deployments()[deployment]["parameter_openapi_schema"]["properties"][parameter]
        return list(schema.get("items", schema)["enum"])

    assert offered("audit", "projection")[0] == "all"
    assert {"user_view", "accounts", "daily_sales"} < set(offered("rebuild", "projection"))
    assert "rows" in offered("audit", "checks")
    assert "UserCreated" in offered("backfill", "event_types")


def test_scheduled_runs_appear(prefect_server: PrefectServer) -> None:
    """With an incompatible SQLAlchemy the scheduler creates no runs, and reports no error."""

    def scheduled() -> list[dict[str, Any]]:
        wanted = {"deployments": {"name": {"any_": ["catch-up"]}}}
        runs = prefect_server.client.post("/flow_runs/filter", json=wanted).raise_for_status().json()
        return [run for run in runs if run["auto_scheduled"]]

    path = f"/deployments/{prefect_server.deployments()['catch-up']['id']}"
    prefect_server.client.post(f"{path}/resume_deployment").raise_for_status()
    try:
        assert wait_for(scheduled, 90, "a scheduled run of catch-up")
    finally:
        prefect_server.client.post(f"{path}/pause_deployment").raise_for_status()


def test_deploying_again_changes_nothing(prefect_server: PrefectServer) -> None:
    def known() -> dict[str, Any]:
        client = prefect_server.client
        automations = client.post("/automations/filter", json={}).raise_for_status().json()
        queues = client.post("/work_pools/acci/queues/filter", json={}).raise_for_status().json()
        return {
            **{name: (found["id"], len(found["schedules"])) for name, found in prefect_server.deployments().items()},
            "automations": sorted((each["name"], each["enabled"]) for each in automations),
            "queues": {each["name"]: (each["priority"], each["concurrency_limit"]) for each in queues},
        }

    before = known()
    priorities = {name: priority for name, (priority, _) in before["queues"].items()}
    assert priorities["live"] < priorities["proof"] < priorities["back-fill"]
    assert {each["name"] for each in FILE["automations"]} < {name for name, _ in before["automations"]}
    prefect_server.deploy()
    assert known() == before


def test_deploying_resets_schedules_to_the_declared_ones(prefect_server: PrefectServer) -> None:
    """Schedules switched on or off in the UI, and those no longer declared; a person's own schedule stays."""

    def schedules() -> list[tuple[str | None, bool]]:
        found = prefect_server.deployments()["rebuild-all"]["schedules"]
        return sorted(((each["slug"], each["active"]) for each in found), key=str)

    path = f"/deployments/{prefect_server.deployments()['rebuild-all']['id']}/schedules"
    cron = {"cron": "0 0 1 1 *", "timezone": "UTC"}
    made = [{"schedule": cron, "active": False, "slug": slug} for slug in (None, "declared-no-more")]
    prefect_server.client.post(path, json=made).raise_for_status()
    (declared,) = (each for each in prefect_server.client.get(path).json() if each["slug"] == "weekly")
    prefect_server.client.patch(f"{path}/{declared['id']}", json={"active": True}).raise_for_status()
    assert schedules() == [("declared-no-more", False), ("weekly", True), (None, False)]
    weekly = next(each for each in DECLARED if each["name"] == "rebuild-all")["schedules"]
    prefect_server.api.put_schedules("rebuild", "rebuild-all", weekly)
    assert schedules() == [("weekly", False), (None, False)]
    (own,) = (each for each in prefect_server.client.get(path).json() if each["slug"] is None)
    prefect_server.client.delete(f"{path}/{own['id']}").raise_for_status()


def test_a_run_by_the_worker_completes(prefect_server: PrefectServer, database_url: str) -> None:
    run = prefect_server.run("catch-up", {}, ACCI_DATABASE_URL=database_url)
    assert prefect_server.ended(run)["state"]["type"] == "COMPLETED"


@pytest.mark.timeout(600)
def test_requested_runs_wait_and_scheduled_runs_end_at_once(prefect_server: PrefectServer, database_url: str) -> None:
    """Neither is cancelled: a requested run waits; a scheduled one ends as LeftToAnother, so that none pile up."""
    path = f"/deployments/{prefect_server.deployments()['catch-up']['id']}/create_flow_run"
    due = {"tags": ["auto-scheduled"], "job_variables": {"env": {"ACCI_DATABASE_URL": database_url}}}

    def state(run: str) -> str:
        return prefect_server.api.state(run)[2]

    with psycopg.connect(database_url) as holding:
        holding.execute("LOCK TABLE acci.events IN ACCESS EXCLUSIVE MODE")  # so that the first cannot end by itself
        first = prefect_server.run("catch-up", {}, ACCI_DATABASE_URL=database_url)
        wait_for(lambda: state(first) == "Running", 120, "the run has begun")
        scheduled = prefect_server.client.post(path, json=due).raise_for_status().json()["id"]
        person = prefect_server.run("catch-up", {}, ACCI_DATABASE_URL=database_url)
        assert prefect_server.ended(scheduled, 300)["state"]["name"] == "LeftToAnother"
        wait_for(lambda: state(person) == "AwaitingConcurrencySlot", 120, "a person's run waits")
        assert state(first) == "Running"
    assert [prefect_server.ended(run, 300)["state"]["type"] for run in (first, person)] == ["COMPLETED", "COMPLETED"]


def test_deployments_tagged_frequent_run_several_times_a_day() -> None:
    """A scheduled run of a daily deployment waits too, since a requested run may have other parameters."""
    for declared in DECLARED:
        hours = {schedule["cron"].split()[1] for schedule in declared["schedules"]}
        assert ("frequent" in declared["tags"]) == ("*" in hours), declared["name"]


def test_a_tasks_refusal_is_the_runs_message(prefect_server: PrefectServer, empty_database_url: str) -> None:
    run = prefect_server.run("housekeeping", {}, ACCI_DATABASE_URL=empty_database_url)
    state = prefect_server.ended(run)["state"]
    assert state["type"] == "FAILED"
    assert state["message"].startswith("The database has no ACCI schema"), state["message"]


@pytest.fixture
def idle_deployment(prefect_server: PrefectServer) -> Iterator[str]:
    """A deployment in a pool of its own that no worker looks at; gives its id."""
    prefect_server.api.ensure_work_pool("idle")
    flow = prefect_server.deployments()["rebuild"]["flow_id"]
    wanted = {"name": "idle", "flow_id": flow, "work_pool_name": "idle", "entrypoint": "acci.flows.rebuild.rebuild"}
    made = prefect_server.client.post("/deployments/", json=wanted).raise_for_status().json()
    yield made["id"]
    prefect_server.client.delete(f"/deployments/{made['id']}").raise_for_status()


def test_only_runs_without_a_process_are_given_up(prefect_server: PrefectServer, idle_deployment: str) -> None:
    api, client = prefect_server.api, prefect_server.client
    gone, alive, foreign, waiting = (new_run(prefect_server, idle_deployment, {"type": "RUNNING"}) for _ in range(4))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    worker = next(process for process in psutil.process_iter() if "worker" in process.cmdline())
    for run, process in ((gone, ended.pid), (alive, worker.pid), (foreign, os.getpid())):
        client.patch(f"/flow_runs/{run}", json={"infrastructure_pid": str(process)}).raise_for_status()

    assert give_up_lost_runs(api, "acci-nobody") == []
    assert len(give_up_lost_runs(api, "idle", timedelta(hours=1))) == 2
    states = [api.state(run)[0] for run in (gone, alive, foreign, waiting)]
    assert states == ["CRASHED", "RUNNING", "CRASHED", "RUNNING"]
    assert len(give_up_lost_runs(api, "idle")) == 1
    assert api.state(waiting)[:2] == ("CRASHED", "Its process is gone, and so is the worker that started it.")


def test_a_run_given_up_makes_room_for_the_next(prefect_server: PrefectServer, database_url: str) -> None:
    """Run and worker die together: for minutes the run would count as running, and others would be cancelled."""
    with psycopg.connect(database_url) as holding:
        holding.execute("LOCK TABLE acci.events IN ACCESS EXCLUSIVE MODE")  # so that the run cannot end by itself
        first = prefect_server.run("rebuild", {"projection": "user_view"}, ACCI_DATABASE_URL=database_url)
        wait_for(lambda: prefect_server.api.state(first)[0] == "RUNNING", 60, "the run has begun")
        prefect_server.kill_worker_and_runs()
        assert prefect_server.api.state(first)[0] == "RUNNING"
    given_up = give_up_lost_runs(prefect_server.api, "acci")
    assert given_up == ["rebuild user_view"]
    assert prefect_server.api.state(first)[0] == "CRASHED"
    prefect_server.start_worker()
    second = prefect_server.run("rebuild", {"projection": "user_view"}, ACCI_DATABASE_URL=database_url)
    assert prefect_server.ended(second)["state"]["type"] == "COMPLETED"


def test_missed_scheduled_runs_are_deleted_and_future_ones_stay(
    prefect_server: PrefectServer, idle_deployment: str
) -> None:
    now = datetime.now(UTC)
    asked_for = []
    for hours in (-2, -1, 1):
        when = (now + timedelta(hours=hours)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
        new_run(prefect_server, idle_deployment, state, "auto-scheduled")
        asked_for.append(new_run(prefect_server, idle_deployment, state))
    assert prefect_server.api.delete_missed_runs("idle") == 2
    assert prefect_server.api.delete_missed_runs("idle") == 0
    assert [prefect_server.api.state(run)[0] for run in asked_for] == ["SCHEDULED"] * 3


def test_a_pool_is_made_once(prefect_server: PrefectServer) -> None:
    for _ in range(2):
        prefect_server.api.ensure_work_pool("made-once")
    wanted = {"work_pools": {"name": {"any_": ["made-once"]}}}
    assert len(prefect_server.client.post("/work_pools/filter", json=wanted).json()) == 1


def new_run(prefect_server: PrefectServer, deployment: str, state: dict[str, Any], *tags: str) -> str:
    wanted = {"state": state, "tags": tags}
    made = prefect_server.client.post(f"/deployments/{deployment}/create_flow_run", json=wanted)
    return str(made.raise_for_status().json()["id"])
