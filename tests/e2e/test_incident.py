"""An incident as the person on call meets it: found, shown and resolved with the Prefect server and `acci` alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from acci.store.postgres.database import connect
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.domains.bank.ledger import corrupt
from tests.support.prefect_server import PrefectServer, wait_for
from tests.support.shell import acci

BEFORE, AFTER = "tests.domains.incident.before", "tests.domains.incident.after"


class OnCall:
    """What the person on call does: runs deployments, looks at runs and events, calls `acci`."""

    def __init__(self, prefect_server: PrefectServer, url: str) -> None:
        self.server, self.url, self.code = prefect_server, url, BEFORE

    def run(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        """A run of it, ended: its state."""
        asked = self.server.run(self.server.without_limit(deployment), parameters, **self.environment)
        state: dict[str, Any] = self.server.ended(asked)["state"]
        return state

    def says(self, *arguments: str, ends: int = 0) -> str:
        done = acci(*arguments, **self.environment, **self.server.access)
        assert done.returncode == ends, done.stdout + done.stderr
        return done.stdout

    def unhealthy(self) -> set[str]:
        """What `acci health` finds wrong."""
        done = acci("health", "--json", **self.environment)
        found = json.loads(done.stdout)
        assert done.returncode == (0 if found["healthy"] else 1)
        return {check["kind"] for check in found["checks"] if not check["healthy"]}

    def was_told(self, event: str) -> bool:
        wanted = {"filter": {"event": {"name": [event]}}}
        found = self.server.client.post("/events/filter", json=wanted).raise_for_status().json()
        return any(each["payload"].get("projection") == "notes" for each in found["events"])

    @property
    def environment(self) -> dict[str, str]:
        return {"ACCI_DATABASE_URL": self.url, "ACCI_CONTEXTS": self.code}


@pytest.fixture
def on_call(prefect_server: PrefectServer, database_url: str) -> OnCall:
    catalogue = load([BEFORE])
    with connect(database_url, "test") as connection:
        for number in range(20):
            write(connection, f"note-{number}", 1, {"text": "as ever"})
        build.rebuild(connection, catalogue, catalogue.projection("notes"))
    return OnCall(prefect_server, database_url)


def write(connection: psycopg.Connection[Any], note: str, schema_version: int, data: dict[str, str]) -> None:
    connection.execute(
        """INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
            event_type, data, metadata)
        SELECT now(), gen_random_uuid(), coalesce(max(version), 0) + 1, %(schema_version)s, 't', 'Note', %(note)s,
            'NoteWritten', %(data)s, '{}' FROM acci.events WHERE aggregate_id = %(note)s""",
        {"schema_version": schema_version, "note": note, "data": json.dumps(data)},
    )


@pytest.mark.timeout(400)
def test_a_poison_event_and_then_a_fix(on_call: OnCall) -> None:
    with connect(on_call.url, "test") as connection:
        write(connection, "note-3", 2, {"body": "of a newer kind"})
        write(connection, "note-4", 1, {"text": "changed"})

    state = on_call.run("catch-up")
    assert (state["type"], state["name"]) == ("FAILED", "DeadLetters")
    assert wait_for(lambda: on_call.was_told("acci.dead-letter"), 30, "the dead letter is an event")
    assert on_call.unhealthy() == {"dead letters"}
    (letter,) = json.loads(on_call.says("dead-letters", "list", "--json"))
    assert (letter["keys"], letter["event_type"]) == ([["t", "note-3"]], "NoteWritten")
    assert "of a newer kind" in on_call.says("dead-letters", "show", str(letter["dead_letter"]))
    assert on_call.run("check-health")["name"] == "Unhealthy"

    on_call.code = AFTER
    assert on_call.unhealthy() == {"dead letters", "lag"}, "the rules changed"
    assert "rebuild needed" in on_call.says("status")
    assert on_call.run("rebuild", projection="notes")["type"] == "COMPLETED"
    assert on_call.unhealthy() == set()
    with connect(on_call.url, "test") as connection:
        rows = connection.execute("SELECT id, text FROM read.notes WHERE id IN ('note-3', 'note-4') ORDER BY id")
        assert rows.fetchall() == [("note-3", "of a newer kind"), ("note-4", "changed")]


@pytest.mark.timeout(400)
def test_a_corrupted_row(on_call: OnCall) -> None:
    with connect(on_call.url, "test") as connection:
        corrupt(connection, "notes", "UPDATE {table} SET text = 'not so' WHERE id = 'note-7'")
    state = on_call.run("audit", projection="notes")
    assert (state["type"], state["name"]) == ("FAILED", "Findings")
    assert wait_for(lambda: on_call.was_told("acci.audit.found"), 30, "the finding is an event")
    assert on_call.unhealthy() == {"findings"}
    assert "note-7" in on_call.says("findings")
    assert on_call.run("repair", projection="notes")["type"] == "COMPLETED"
    assert "no open findings" in on_call.says("findings")
    assert on_call.unhealthy() == set()


@contextmanager
def impatient(prefect_server: PrefectServer, name: str, seconds: int) -> Iterator[None]:
    """Inside, the automation of that name waits for so long only."""
    (found,) = prefect_server.client.post(
        "/automations/filter", json={"automations": {"name": {"any_": [name]}}}
    ).json()
    path = f"/automations/{found['id']}"
    kept = {part: found[part] for part in ("name", "description", "enabled", "tags", "trigger", "actions")}
    hasty = kept | {"trigger": found["trigger"] | {"within": seconds}}
    prefect_server.client.put(path, json=hasty).raise_for_status()
    try:
        yield
    finally:
        prefect_server.client.put(path, json=kept).raise_for_status()


@pytest.mark.timeout(400)
def test_a_worker_that_dies_with_its_run(prefect_server: PrefectServer, on_call: OnCall) -> None:
    """No process is left that could report it, and no `acci up` watches it."""
    with connect(on_call.url, "test") as connection:
        write(connection, "note-1", 1, {"text": "later"})
    often = on_call.environment | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    with impatient(prefect_server, "acci lost run", 40):
        with psycopg.connect(on_call.url) as holding:
            holding.execute("LOCK TABLE acci.generations IN ACCESS EXCLUSIVE MODE")  # the run cannot end by itself
            deployment = prefect_server.without_limit("catch-up")
            lost = prefect_server.run(deployment, {}, **often)
            wait_for(lambda: prefect_server.api.state(lost)[0] == "RUNNING", 120, "the run has begun")
            wait_for(lambda: beats(prefect_server, lost), 60, "the run was heard of")
            prefect_server.kill_worker_and_runs()
        assert prefect_server.api.state(lost)[0] == "RUNNING"
        wait_for(lambda: prefect_server.api.state(lost)[0] == "CRASHED", 120, "the run counts as crashed")
    assert "no heartbeat" in prefect_server.api.state(lost)[1]
    prefect_server.start_worker()
    assert on_call.run("catch-up")["type"] == "COMPLETED"
    assert on_call.unhealthy() == set()


def beats(prefect_server: PrefectServer, run: str) -> bool:
    wanted = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]},
                         "resource": {"id": [f"prefect.flow-run.{run}"]}}}  # fmt: skip
    return bool(prefect_server.client.post("/events/filter", json=wanted).raise_for_status().json()["events"])
