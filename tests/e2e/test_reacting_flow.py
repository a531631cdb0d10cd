"""The flow `react` on a real server: what it does, what state it ends in, what it shows; and runs that it starts."""

import json
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from acci.flows.react import react
from acci.flows.runtime.flow_sender import FlowSender
from acci.store.postgres.database import Connection
from acci.store.reacting.contents import FLOW
from acci.store.reacting.registrations import RESTORED, pause, resume
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.settings import Settings
from tests.support.histories import value
from tests.support.outboxes import fill, outgoing, row
from tests.support.parcels import sent
from tests.support.prefect_server import PrefectServer, wait_for
from tests.support.receivers import Receiver

SECRET = "Ann's parcel"


class Runs:
    """The flow in this process, recorded by the server; the store is the test's own database."""

    def __init__(self, server: PrefectServer) -> None:
        self._server = server

    def __call__(self, **parameters: Any) -> tuple[str, str, dict[str, Any]]:
        """The state's name and message, and the row of `announcement` in the run's table."""
        url, login = self._server.access.values()
        with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: login}):
            state: Any = react(**parameters, return_state=True)
        wanted = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
        found = self._server.client.post("/artifacts/filter", json=wanted).raise_for_status().json()
        rows = [row for artifact in found if artifact["key"] == "react" for row in json.loads(artifact["data"])]
        return state.name, state.message, next((row for row in rows if row["reaction"] == "announcement"), {})


@pytest.fixture
def settings(prefect_server: PrefectServer, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, setting in prefect_server.access.items():
        monkeypatch.setenv(name, setting)
    monkeypatch.setenv("ACCI_DATABASE_URL", database_url)
    monkeypatch.setenv("ACCI_CONTEXTS", "tests.domains.shipping")
    return Settings.from_environment()


@pytest.mark.timeout(300)
def test_a_run_says_what_it_decided_and_delivered_and_what_is_left(
    prefect_server: PrefectServer, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Runs(prefect_server)
    with Receiver() as receiver:
        topic = {"sender": "webhook", "url": receiver.url, "allow-private": True, "allow-plain": True}
        monkeypatch.setenv("ACCI_TOPICS", json.dumps({"parcels": topic}))

        sent(connection, "before")
        name, message, _ = run()
        assert name == "NothingToDo", message
        assert value(connection, "SELECT count(*) FROM acci.reactions WHERE begins > 0") == 3

        sent(connection, SECRET)
        name, message, shown = run()
        assert name == "Completed", message
        assert (shown["decided"], shown["delivered"], shown["to_deliver"]) == (1, 1, 0)
        assert len([each for each in receiver.received if "price" in each.event["data"]]) == 1
        assert value(connection, "SELECT count(*) FROM acci.events WHERE event_type = 'LabelPrinted'") == 1

        sent(connection, SECRET)
        receiver.answer = lambda _: (410, {})
        name, message, shown = run()
        assert (name, shown["dead_letters"], shown["parked"]) == ("DeadLetters", 1, 1)
        assert "acci reactions dead-letters list" in message
        about = {"event": {"name": ["acci.dead-letter"]}, "resource": {"id": ["acci.reaction.announcement"]}}

        def emitted() -> list[dict[str, Any]]:
            found = prefect_server.client.post("/events/filter", json={"filter": about})
            return list(found.raise_for_status().json()["events"])

        counted = wait_for(emitted, 30, "the event of the dead letter")
        assert counted[0]["payload"]["dead_letters"] == 1

        sent(connection, SECRET)
        name, message, shown = run(reaction="announcement", seconds=1)
        assert name == "Completed", message
        assert (shown["decided"], shown["delivered"], shown["to_deliver"]) == (1, 0, 2), (
            "it waits behind the dead letter"
        )

    logs = prefect_server.client.post("/logs/filter", json={"limit": 200}).text
    assert SECRET not in logs


@pytest.mark.timeout(300)
def test_a_paused_reaction_is_left_alone_and_red_only_if_somebody_must_decide(
    prefect_server: PrefectServer, settings: Settings, connection: Connection
) -> None:
    run = Runs(prefect_server)
    run()
    pause(connection, "announcement", "the carrier is closed")
    name, message, _ = run()
    assert (name, "Paused: announcement." in message) == ("NothingToDo", True)
    name, message, _ = run(reaction="announcement")
    assert (name, "the carrier is closed" in message) == ("Paused", True)
    resume(connection, "announcement")
    pause(connection, "announcement", RESTORED)
    name, message, _ = run()
    assert (name, "acci reactions resume announcement" in message) == ("Paused", True)
    assert run(reaction="nothing")[0] == "Failed"


@pytest.mark.timeout(300)
def test_a_run_that_a_reaction_asks_for_is_started_once(
    prefect_server: PrefectServer, settings: Settings, connection: Connection
) -> None:
    run = Runs(prefect_server)
    run()
    asked = row(
        1,
        reaction="announcement",
        kind=FLOW,
        topic="check-health/check-health",
        content={"parameters": {"audit_hours": 7}},
    )
    fill(connection, asked)
    assert run()[2]["delivered"] == 1

    deployment = prefect_server.deployments()["check-health"]["id"]
    wanted = {"flow_runs": {"deployment_id": {"any_": [deployment]}}}
    sender = FlowSender(settings)

    def ours() -> list[dict[str, Any]]:
        found = prefect_server.client.post("/flow_runs/filter", json=wanted).raise_for_status().json()
        return [each for each in found if each["parameters"].get("audit_hours") == 7]

    (first,) = ours()
    again = outgoing(
        {"parameters": {"audit_hours": 7}}, topic="check-health/check-health", kind=FLOW,
        event_id=asked.event_id, position=1, reaction="announcement",
    )  # fmt: skip
    assert str(again.id) == first["idempotency_key"]
    sender.send(again)
    assert [each["id"] for each in ours()] == [first["id"]]


@pytest.mark.timeout(300)
def test_what_prefect_cannot_start_is_refused_and_a_server_that_is_away_is_waited_for(
    prefect_server: PrefectServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(topic: str, **parameters: Any) -> None:
        FlowSender(Settings.from_environment()).send(
            outgoing({"parameters": parameters}, topic=topic, kind=FLOW, event_id=UUID(int=5))
        )

    for topic in ("catch-up/gone", "catch-up", "a/b/c"):
        with pytest.raises(DeliveryRefused):
            send(topic)
    with pytest.raises(DeliveryRefused) as refused:
        send("catch-up/catch-up", batch_size=SECRET)
    assert SECRET not in str(refused.value)
    monkeypatch.setenv("ACCI_PREFECT_PREFIX", "other")
    with pytest.raises(DeliveryRefused):  # another database's
        send("catch-up/catch-up")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(Exception, match="cannot be used") as away:
        send("catch-up/catch-up")
    assert getattr(away.value, "transient", False)
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setenv("ACCI_HOME", "/nonexistent")
    with pytest.raises(DeliveryFailed, match="acci up"):
        send("catch-up/catch-up")
