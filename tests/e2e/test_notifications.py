"""People are notified of what is wrong, through a notification block of the user's own."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from acci.flows.local.deployments import NoSuchBlock
from acci.store.monitoring.status import read_status
from acci.store.postgres.database import connect
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.histories import append_orders
from tests.support.prefect_server import PrefectServer, wait_for


@contextmanager
def hearing() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A web server that takes messages, and the messages that it got."""
    heard: list[dict[str, str]] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is the library's
            """Say nothing."""

    place = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=place.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{place.server_port}/", heard
    finally:
        place.shutdown()
        place.server_close()


@contextmanager
def block(prefect_server: PrefectServer, url: str) -> Iterator[str]:
    """Inside, there is a webhook as a block, as made on the page for it: gives its name."""
    client = prefect_server.client
    kind = client.get("/block_types/slug/custom-webhook").raise_for_status().json()["id"]
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    (schema, *_) = client.post("/block_schemas/filter", json=of_kind).raise_for_status().json()
    data = {"name": "x", "url": url, "method": "POST", "json_data": {"subject": "{{subject}}", "body": "{{body}}"}}
    wanted = {"name": "on-call", "data": data, "block_type_id": kind, "block_schema_id": schema["id"]}
    made = client.post("/block_documents/", json=wanted).raise_for_status().json()["id"]
    try:
        yield "custom-webhook/on-call"
    finally:
        client.delete(f"/block_documents/{made}").raise_for_status()


@pytest.fixture(scope="module")
def heard(prefect_server: PrefectServer) -> Iterator[list[dict[str, str]]]:
    """The notifications from now on."""
    with hearing() as (url, messages), block(prefect_server, url) as name:
        prefect_server.deploy(notify=name)
        yield messages


@pytest.mark.timeout(400)
def test_people_are_notified_of_what_is_wrong(prefect_server: PrefectServer, heard: list[dict[str, str]]) -> None:
    happened = {
        "acci.dead-letter": {"dead_letters": 3, "see": "acci dead-letters list"},
        "acci.unhealthy.lag": {"said": "user_view is late."},
        "acci.audit.found": {"findings": 2, "severity": "error"},
    }
    for event, payload in happened.items():
        resource = {"prefect.resource.id": "acci.read-model.user_view"}
        emitted = {
            "event": event,
            "resource": resource,
            "payload": payload,
            "occurred": str(datetime.now(UTC)),
            "id": str(uuid4()),
        }
        prefect_server.client.post("/events", json=[emitted]).raise_for_status()
    expected = {
        "2 findings, error at worst, of acci.read-model.user_view: `acci findings`",
        "3 of acci.read-model.user_view: `acci dead-letters list`",
        "user_view is late.",
    }
    wait_for(lambda: expected <= {message["body"] for message in heard}, 60, "all notifications arrive")


@pytest.mark.timeout(400)
def test_people_are_notified_of_a_crashed_run(
    prefect_server: PrefectServer, heard: list[dict[str, str]], database_url: str
) -> None:
    with psycopg.connect(database_url) as holding:
        holding.execute("LOCK TABLE acci.events IN ACCESS EXCLUSIVE MODE")  # so that the run cannot end by itself
        deployment = prefect_server.without_limit("catch-up")
        run = prefect_server.run(deployment, {"projection": "user_view"}, ACCI_DATABASE_URL=database_url)
        wait_for(lambda: prefect_server.api.state(run)[0] == "RUNNING", 60, "the run has begun")
        process = prefect_server.client.get(f"/flow_runs/{run}").raise_for_status().json()["infrastructure_pid"]
        os.kill(int(process), signal.SIGKILL)
        (message,) = wait_for(lambda: [each for each in heard if run in each["body"]], 60, "the crash is notified")
    assert prefect_server.api.state(run)[0] == "CRASHED"
    assert message["subject"] == "ACCI: a run crashed"
    assert message["body"].startswith("catch up user_view: ")


@contextmanager
def switched_on(prefect_server: PrefectServer, trigger: str, deployment: str, **environment: str) -> Iterator[None]:
    """Inside, the trigger is on, and starts `deployment` with `environment`: the worker knows no database by itself."""
    wanted = {"automations": {"name": {"any_": [trigger]}}}
    (found,) = prefect_server.client.post("/automations/filter", json=wanted).raise_for_status().json()
    kept = {part: found[part] for part in ("name", "description", "enabled", "tags", "trigger", "actions")}
    (action,) = found["actions"]
    action |= {"deployment_id": prefect_server.deployments()[deployment]["id"], "job_variables": {"env": environment}}
    path = f"/automations/{found['id']}"
    prefect_server.client.put(path, json=kept | {"enabled": True, "actions": [action]}).raise_for_status()
    try:
        yield
    finally:
        prefect_server.client.put(path, json=kept).raise_for_status()


@pytest.mark.timeout(400)
def test_a_lagging_read_model_is_caught_up_by_its_trigger(prefect_server: PrefectServer, database_url: str) -> None:
    """From the health check by its event and the trigger in prefect.yaml to a catch-up run."""
    environment = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.orders"}
    catalogue = load(["tests.domains.orders"])
    with connect(database_url, "test") as connection:
        for projection in catalogue.projections.values():
            build.rebuild(connection, catalogue, projection)
        append_orders(connection, 10)
        assert any(each.lag_events for each in read_status(connection, catalogue).projections)
        catch_up = prefect_server.without_limit("catch-up")
        with switched_on(prefect_server, "catch-up-what-lags", catch_up, **environment):
            asked = prefect_server.run(
                prefect_server.without_limit("check-health"), {"lag_events": 0, "lag_seconds": 0}, **environment
            )
            assert prefect_server.ended(asked)["state"]["name"] == "Unhealthy"
            wait_for(
                lambda: not any(each.lag_events for each in read_status(connection, catalogue).projections),
                90,
                "what lags is caught up",
            )


def test_former_names_of_notifications_are_replaced(prefect_server: PrefectServer, heard: list[dict[str, str]]) -> None:
    """One that was switched off stays off, and nothing is there twice."""
    former, present = "acci tell of dead letters", "acci alert: new dead letters"
    wanted = {"automations": {"name": {"any_": [former, present]}}}

    def found() -> list[dict[str, Any]]:
        answer = prefect_server.client.post("/automations/filter", json=wanted).raise_for_status()
        automations: list[dict[str, Any]] = answer.json()
        return automations

    (made,) = found()
    kept = {part: made[part] for part in ("description", "tags", "trigger", "actions")}
    path = f"/automations/{made['id']}"
    prefect_server.client.put(path, json=kept | {"name": former, "enabled": False}).raise_for_status()
    try:
        prefect_server.deploy()
        assert [(each["id"], each["name"], each["enabled"]) for each in found()] == [(made["id"], present, False)]
        both = kept | {"name": former, "enabled": True}
        prefect_server.client.post("/automations/", json=both).raise_for_status()
        prefect_server.deploy()
        assert [(each["id"], each["name"]) for each in found()] == [(made["id"], present)]
    finally:
        prefect_server.client.put(path, json=kept | {"name": present, "enabled": True}).raise_for_status()


def test_a_block_that_is_not_there_is_refused(prefect_server: PrefectServer) -> None:
    with pytest.raises(NoSuchBlock, match="no notification block 'slack-webhook/nobody'"):
        prefect_server.deploy(notify="slack-webhook/nobody")
