"""Audits as flows: a failed run says what is wrong and where, emits events, and repairs it if requested."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from acci.domain.events import Event, EventMetadata
from acci.store.auditing.findings import findings
from acci.store.log.bulk import append_in_bulk
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection
from tests.domains.bank.events import Withdrawn
from tests.domains.bank.ledger import EVENTS, corrupt, some_account
from tests.support.prefect_server import PrefectServer, wait_for

pytestmark = pytest.mark.bank


@pytest.fixture
def environment(bank_url: str) -> dict[str, str]:
    """What a run on the bank needs."""
    return {"ACCI_DATABASE_URL": bank_url, "ACCI_CONTEXTS": "tests.domains.bank"}


def artifacts(prefect_server: PrefectServer, run: str) -> dict[str, Any]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    found = prefect_server.client.post("/artifacts/filter", json=wanted).raise_for_status().json()
    return {each["key"]: each["data"] for each in found}


def runs_of(prefect_server: PrefectServer, deployment: str) -> list[dict[str, Any]]:
    wanted = {"deployments": {"name": {"any_": [deployment]}}}
    found: list[dict[str, Any]] = prefect_server.client.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    return found


@contextmanager
def repairing_at_once(prefect_server: PrefectServer, **environment: str) -> Iterator[None]:
    """Inside, the trigger of prefect.yaml is switched on, and repairs run on the database of the test."""
    deployment = prefect_server.deployments()["repair"]["id"]
    related = f"/automations/related-to/prefect.deployment.{deployment}"
    (automation,) = prefect_server.client.get(related).raise_for_status().json()
    assert automation["enabled"] is False
    switch = f"/automations/{automation['id']}"
    with prefect_server.environment_of("repair", **environment):
        prefect_server.client.patch(switch, json={"enabled": True}).raise_for_status()
        try:
            yield
        finally:
            prefect_server.client.patch(switch, json={"enabled": False}).raise_for_status()


def test_findings_are_shown_announced_and_repaired(
    prefect_server: PrefectServer, connection: Connection, environment: dict[str, str]
) -> None:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET balance = balance * 2 WHERE id = %(id)s", id=account)

    earlier = {run["id"] for run in runs_of(prefect_server, "repair")}

    def repairs() -> list[dict[str, Any]]:
        return [run for run in runs_of(prefect_server, "repair") if run["id"] not in earlier]

    with repairing_at_once(prefect_server, **environment):
        failed = prefect_server.run("audit", {"projection": "accounts"}, **environment)
        state = prefect_server.ended(failed)["state"]
        (asked,) = wait_for(repairs, 60, "the findings start a repair")
        repair = prefect_server.ended(asked["id"])
    assert (state["type"], state["name"]) == ("FAILED", "Findings")
    assert "by rows of accounts, second_opinion of accounts: see the tables, or `acci findings`." in state["message"]
    shown = artifacts(prefect_server, failed)
    assert f"tenant_id {tenant}, id {account}" in shown["audit-findings"]
    assert "balance" in shown["audit-differences"]
    assert "(data:image/svg+xml;base64," in shown["audit-history"]

    assert repair["parameters"] == {"projection": "accounts", "trust_log": False}
    assert repair["state"]["type"] == "COMPLETED"
    assert "still wrong" in artifacts(prefect_server, repair["id"])["repair"]
    assert findings(connection) == []


def test_audit_with_repair_seal_and_compaction_runs(
    prefect_server: PrefectServer, connection: Connection, environment: dict[str, str]
) -> None:
    _, account = some_account(connection)
    corrupt(connection, "accounts", "DELETE FROM {table} WHERE id = %(id)s", id=account)
    wanted: dict[str, dict[str, Any]] = {
        "audit": {"projection": "accounts", "repair": True},
        "seal": {"size": 100},
        "compact-snapshots": {"aggregate": "Account"},
    }
    runs = {name: prefect_server.run(name, parameters, **environment) for name, parameters in wanted.items()}
    ended = {name: prefect_server.ended(run)["state"] for name, run in runs.items()}
    assert {name: state["type"] for name, state in ended.items()} == dict.fromkeys(wanted, "COMPLETED")
    assert f"{EVENTS} events sealed" in ended["seal"]["message"]
    assert "snapshots taken" in ended["compact-snapshots"]["message"]
    assert findings(connection) == []


def test_a_catch_up_checks_what_it_changed(
    prefect_server: PrefectServer, connection: Connection, environment: dict[str, str], tmp_path: Path
) -> None:
    tenant, account = some_account(connection)
    (version,) = connection.execute(
        "SELECT max(version) + 1 FROM acci.events WHERE aggregate_id = %s", (account,)
    ).fetchone() or (0,)
    withdrawn = Withdrawn(amount=Decimal(1), note="xx, by hand")
    envelope = (uuid4(), account, "Account", "Withdrawn", version, withdrawn)
    event = Event(*envelope, EventMetadata(tenant, "by hand"), datetime.now(UTC))
    append_in_bulk(connection, [event], PAYLOAD_LIMIT)

    run = prefect_server.run("catch-up", {"projection": "all"}, **environment)
    state = prefect_server.ended(run)["state"]
    assert (state["type"], state["name"]) == ("FAILED", "QualityFailed")
    assert account in state["message"]
    assert account in artifacts(prefect_server, run)["quality-failures"]
    note = connection.execute("SELECT note FROM read.accounts WHERE id = %s", (account,)).fetchone()
    assert note == ("xx, by hand",), "what was caught up stays so"

    page = tmp_path / "quality.html"
    program = "from acci.flows.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "check-quality", "accounts", "--html", str(page), "--json"],
        env=prefect_server.environment | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "QualityFailed"
    assert account in page.read_text()
