"""Where reactions stand is seen in status, health and metrics: what waits, for how long, and what to do."""

import json
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from acci.flows.cli.prometheus import text
from acci.store.application.application import Application
from acci.store.log import high_water
from acci.store.monitoring import reactions
from acci.store.monitoring.checks.check import Bounds, Check
from acci.store.monitoring.health import examine
from acci.store.monitoring.metrics import read_metrics
from acci.store.monitoring.reactions import BEYOND, GONE, NOT_STARTED, PAUSED, RUNS, ReactionStatus, read_reactions
from acci.store.postgres.database import Connection
from acci.store.reacting.batches import Batcher
from acci.store.reacting.registrations import RESTORED, pause, register
from acci.store.registry import Catalogue, load
from acci.store.settings import Settings
from tests.domains.shipping import CONTEXT, Announcement, Tracking
from tests.support.parcels import arrived, sent
from tests.support.shell import acci

SHIPPING = load([replace(CONTEXT, reactions=(Announcement, Tracking))])


def stand(connection: Connection, catalogue: Catalogue = SHIPPING, tenant: str | None = None) -> list[ReactionStatus]:
    """The status of `announcement` and of `tracking`."""
    return list(read_reactions(connection, catalogue, high_water.current(connection).head, tenant))


def decide(connection: Connection, reaction: type[Announcement | Tracking]) -> None:
    Batcher(connection, SHIPPING, reaction).decide(high_water.establish(connection).position)


def look(url: str, catalogue: Catalogue = SHIPPING, **bounds: Any) -> dict[str, Check]:
    settings = Settings.from_environment({"ACCI_DATABASE_URL": url})
    return {check.name: check for check in examine(settings, catalogue, Bounds(**bounds)).checks}


def unhealthy(url: str, catalogue: Catalogue = SHIPPING, **bounds: Any) -> dict[str, str]:
    """What is wrong with reactions."""
    found = look(url, catalogue, **bounds).values()
    return {check.name: check.said for check in found if check.reaction and not check.healthy}


@pytest.fixture
def started(connection: Connection) -> Connection:
    """The database, in which both reactions begin here."""
    for reaction in (Announcement, Tracking):
        register(connection, reaction)
    return connection


def test_what_is_not_decided_and_then_what_is_not_delivered_is_counted(started: Connection) -> None:
    sent(started, "a")
    arrived(started, "a")
    sent(started, "b", tenant="u")

    announcement, tracking = stand(started)
    assert (announcement.state, announcement.lag_events, announcement.pending) == (RUNS, 2, 0)
    assert (tracking.lag_events, tracking.lag_is_exact) == (3, True)
    assert announcement.lag_seconds > 0
    assert [each.lag_events for each in stand(started, tenant="u")] == [1, 1]

    decide(started, Announcement)
    announcement, tracking = stand(started)
    assert (announcement.lag_events, announcement.lag_seconds, announcement.pending) == (0, 0.0, 2)
    assert announcement.undelivered_seconds > 0
    assert (tracking.lag_events, tracking.pending, tracking.undelivered_seconds) == (3, 0, 0.0)


def test_events_that_a_reaction_does_not_handle_are_no_lag(started: Connection) -> None:
    arrived(started, "a")
    started.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
        SELECT now(), gen_random_uuid(), 1, 't', stream_type, 'a', 'CommandRefused', '{}', '{}'
        FROM unnest(ARRAY['Announcement', 'Another']) AS stream_type"""
    )
    announcement, tracking = stand(started)
    assert (announcement.lag_events, tracking.lag_events) == (1, 1), "its own refusal, and the parcel's arrival"


def test_a_lag_that_is_too_long_to_count_is_an_upper_bound(
    started: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "COUNTED", 2)
    for _ in range(3):
        arrived(started, "a")
    sent(started, "a")
    oldest = started.execute(
        "SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM acci.events WHERE event_type = %s",
        ("ParcelSent",),
    ).fetchone()
    assert oldest is not None
    announcement, _ = stand(started)
    assert not announcement.lag_is_exact
    assert announcement.lag_events >= 1
    assert announcement.lag_seconds >= oldest[0] - 0.001


def test_dead_letters_park_keys_and_are_not_the_oldest_that_waits(started: Connection) -> None:
    sent(started, "poison", weight=0)
    sent(started, "poison")
    sent(started, "dead")
    decide(started, Announcement)
    started.execute("UPDATE acci.outbox_heads SET due = 'infinity', error = 'no such address' WHERE key = 'dead'")

    announcement, _ = stand(started)
    assert (announcement.dead_letters, announcement.parked_keys, announcement.pending) == (2, 2, 1)
    assert announcement.undelivered_seconds == 0.0
    sent(started, "well")
    decide(started, Announcement)
    assert stand(started)[0].undelivered_seconds > 0


def test_timers_are_counted_and_those_that_are_due(started: Connection) -> None:
    sent(started, "a")
    sent(started, "b")
    decide(started, Tracking)
    started.execute("UPDATE acci.timers SET due = now() - interval '1 minute' WHERE key = 'a'")
    _, tracking = stand(started)
    assert (tracking.timers, tracking.timers_due) == (1, 1)


def test_a_reaction_that_runs_and_one_that_somebody_paused_are_well(started: Connection, database_url: str) -> None:
    pause(started, "tracking", "the carrier is closed.")
    assert unhealthy(database_url) == {}
    said = look(database_url)["reaction of tracking"].said
    assert "tracking is paused, by " in said
    assert "the carrier is closed." in said
    assert stand(started)[1].remedy == "acci reactions resume tracking"


def test_a_reaction_that_is_not_started_paused_by_a_restore_gone_or_beyond_the_log_is_found(
    connection: Connection, database_url: str
) -> None:
    assert unhealthy(database_url) == {}, "none was started: reactions are not in use"
    assert "acci run react tracking" in look(database_url, SHIPPING)["reaction of tracking"].said
    assert [each.state for each in stand(connection)] == [NOT_STARTED, NOT_STARTED]
    register(connection, Announcement)
    assert "acci run react tracking" in unhealthy(database_url)["reaction of tracking"]

    for reaction in (Announcement, Tracking):
        register(connection, reaction)
    pause(connection, "tracking", RESTORED)
    connection.execute("UPDATE acci.reactions SET checkpoint = checkpoint + 1000 WHERE reaction = 'announcement'")
    assert [each.state for each in stand(connection)] == [BEYOND, PAUSED]
    found = unhealthy(database_url)
    assert "`acci reactions resume tracking`" in found["reaction of tracking"]
    assert "restored from an older backup" in found["reaction of announcement"]

    others = load(["tests.domains.bank"])
    assert [each.state for each in stand(connection, others)] == [GONE, GONE]
    assert "ACCI_CONTEXTS" in unhealthy(database_url, others)["reaction of announcement"]
    pause(connection, "announcement", "replaced by tracking")
    assert "reaction of announcement" not in unhealthy(database_url, others), "somebody has said so"


def test_lag_undelivered_and_dead_letters_are_bounded(started: Connection, database_url: str) -> None:
    sent(started, "a")
    assert unhealthy(database_url) == {}
    late = unhealthy(database_url, lag_seconds=0)
    assert set(late) == {"reaction lag of announcement", "reaction lag of tracking"}
    decide(started, Announcement)
    decide(started, Tracking)
    assert unhealthy(database_url) == {}
    late = unhealthy(database_url, lag_seconds=0, undelivered_seconds=0)
    assert set(late) == {"undelivered of announcement", "undelivered of tracking"}
    sent(started, "b", weight=0)
    decide(started, Announcement)
    assert set(unhealthy(database_url)) == {"reaction dead letters of announcement"}
    assert unhealthy(database_url, dead_letters=1) == {}


def test_the_metrics_say_the_same(started: Connection) -> None:
    sent(started, "a")
    sent(started, "b", weight=0)
    decide(started, Announcement)
    families = text_string_to_metric_families(text(read_metrics(started, SHIPPING)))
    served = {
        (sample.name.removeprefix("acci_reaction_"), sample.labels["reaction"]): sample.value
        for family in families
        for sample in family.samples
        if "reaction" in sample.labels
    }
    expected = {"runs": 1, "lag_events": 0, "pending": 1, "dead_letters": 1, "parked_keys": 1, "timers": 0}
    for name, value in expected.items():
        assert served[name, "announcement"] == value, name
    assert served["lag_events", "tracking"] == 2


def test_the_shell_and_the_application_show_them(started: Connection, database_url: str) -> None:
    setting = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.shipping"}
    sent(started, "a")
    decide(started, Announcement)
    pause(started, "tracking", "the carrier is closed")

    shown = acci("status", **setting)
    assert shown.returncode == 0, shown.stderr
    assert "announcement runs" in " ".join(shown.stdout.split())
    assert "(the carrier is closed): run `acci reactions resume tracking`." in shown.stdout
    found = {each["reaction"]: each for each in json.loads(acci("status", "--json", **setting).stdout)["reactions"]}
    announcement, tracking = found["announcement"], found["tracking"]
    assert (announcement["pending"], announcement["rewind"], tracking["state"]) == (1, 0, PAUSED)
    assert tracking["reason"] == "the carrier is closed"
    with Application(database_url, ["tests.domains.shipping"]) as application:
        pending = {each.reaction: each.pending for each in application.status().reactions}
    assert (pending["announcement"], pending["tracking"]) == (1, 0)


def test_a_project_without_reactions_says_nothing_of_them(connection: Connection, database_url: str) -> None:
    setting = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.bank"}
    assert "reaction" not in acci("status", **setting).stdout
    assert not [name for name, check in look(database_url, load(["tests.domains.bank"])).items() if check.reaction]
    assert connection.execute("SELECT count(*) FROM acci.reactions").fetchone() == (0,)
