"""Metrics: they are correct under concurrent scrapes, and are exactly those that the dashboard uses."""

import json
import os
import re
import signal
import socket
import subprocess
from collections import Counter
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from acci.flows.cli.prometheus import text
from acci.store.aggregates.compaction import compact
from acci.store.auditing.statistics import Result, record
from acci.store.log.high_water import establish
from acci.store.monitoring import metrics
from acci.store.monitoring.metrics import count_events, read_metrics
from acci.store.postgres.database import Connection, connect
from acci.store.projecting.batches import catch_up
from acci.store.reacting.registrations import register
from acci.store.rebuilding import new_generation
from acci.store.registry import load
from acci.store.settings import CHECKOUT
from tests.domains.shipping import Announcement
from tests.support.servers import SharedServer
from tests.support.shell import acci, command

BANK = load(["tests.domains.bank"])
DASHBOARD = CHECKOUT / "flows" / "dashboards" / "acci.json"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(exposed: str) -> Samples:
    found = [sample for family in text_string_to_metric_families(exposed) for sample in family.samples]
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in found}


def by_type(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT event_type, count(*) FROM acci.events GROUP BY 1").fetchall())


def append(connection: Connection, event_type: str, times: int) -> None:
    connection.execute(
        """INSERT INTO acci.events
            ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
        SELECT now(), gen_random_uuid(), 1, 't', 'Nothing', gen_random_uuid()::text, %s, '{}', '{}'
        FROM generate_series(1, %s)""",
        (event_type, times),
    )


def test_events_are_counted_once_by_concurrent_scrapes(bank_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "STRIDE", 70)  # several transactions, as with a long log
    with connect(bank_url, "one") as one, connect(bank_url, "other") as other:
        assert count_events(one, establish(one).position) == by_type(one)
        append(one, "Another", 3)
        with other.transaction():
            other.execute("SELECT FROM acci.counted FOR UPDATE")  # the other is counting: the known count is served
            assert "Another" not in count_events(one, establish(one).position)
        assert count_events(other, establish(other).position) == by_type(one)
        assert count_events(one, establish(one).position) == by_type(one)


def test_an_event_above_the_mark_is_counted_when_the_mark_has_passed_it(bank_url: str) -> None:
    with connect(bank_url, "test") as connection, connect(bank_url, "late") as late:
        with late.transaction():
            append(late, "Late", 1)
            append(connection, "Early", 1)
            assert "Early" not in read_metrics(connection, BANK).events
        establish(connection)
        assert read_metrics(connection, BANK).events == by_type(connection)


def test_a_batch_counts_itself_in_its_own_transaction(bank_url: str) -> None:
    def batches(connection: Connection) -> int:
        found = read_metrics(connection, BANK).batches.get("accounts")
        return sum(found.counts) if found else 0

    with connect(bank_url, "test") as connection:
        before = batches(connection)
        append(connection, "Another", 10)
        done = catch_up(connection, BANK, BANK.projection("accounts"), 4)
        assert batches(connection) - before == done.batches > 1
        told = read_metrics(connection, BANK).batches["accounts"]
        assert told.total > 0
        assert len(told.counts) == len(told.bounds) + 1


def test_metrics_agree_with_the_database(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        establish(connection)
        append(connection, "Another", 2)
        found = samples(text(read_metrics(connection, BANK)))
        head = connection.execute("SELECT max(position) FROM acci.events").fetchone()
        assert head is not None
        assert found["acci_up", ()] == 1
        assert found["acci_head_position", ()] == head[0]
        assert found["acci_high_water_position", ()] == head[0] - 2
        assert found["acci_high_water_age_seconds", ()] > 0
        for name in BANK.projections:
            assert found["acci_projection_lag_events", (("projection", name),)] == 2
            assert found["acci_projection_live", (("projection", name),)] == 1
            assert found["acci_dead_letters", (("projection", name),)] == 0


def test_snapshots_are_reported_by_size(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        aggregate = next(each for each in BANK.aggregates.values() if each.snapshot_every)
        taken = compact(connection, BANK, aggregate).taken
        found = read_metrics(connection, BANK).snapshots[aggregate.aggregate_type()]
        assert sum(found.counts) == taken > 0
        size = connection.execute("SELECT sum(pg_column_size(state)) FROM acci.snapshots").fetchone()
        assert size is not None
        assert found.total == size[0]
        connection.execute("DELETE FROM acci.snapshots")
        assert read_metrics(connection, BANK).snapshots, "measured once in ten minutes only"
        connection.execute("UPDATE acci.snapshot_sizes SET measured_at = now() - interval '11 minutes'")
        assert read_metrics(connection, BANK).snapshots == {}


def test_the_dashboard_uses_exactly_the_served_metrics(bank_url: str) -> None:
    """With a bank in which every figure is there: snapshots, an audit, a rebuild half done, a reaction."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"acci_\w+", target["expr"])
    }
    with connect(bank_url, "test") as connection:
        aggregate = next(each for each in BANK.aggregates.values() if each.snapshot_every)
        compact(connection, BANK, aggregate)
        append(connection, "Another", 1)
        catch_up(connection, BANK, BANK.projection("accounts"))
        record(connection, Result(1.0, True, 1, 20, 0, 0, 0, 0))
        generation, parts = new_generation.begin(connection, BANK, BANK.projection("accounts"), 2)
        new_generation.fill(connection, BANK.projection("accounts"), generation, parts[0])
        register(connection, Announcement)
    done = acci("metrics", ACCI_DATABASE_URL=bank_url, ACCI_CONTEXTS="tests.domains.bank,tests.domains.shipping")
    assert done.returncode == 0, done.stderr
    served = samples(done.stdout)
    assert served["acci_rebuild_progress_ratio", (("projection", "accounts"),)] == 0.5
    names = Counter(name for name, _ in served)
    assert asked <= set(names), asked - set(names)
    of_histograms = {f"{name}{part}" for name in ("acci_batch_duration_seconds", "acci_snapshot_size_bytes")
                     for part in ("_bucket", "_count", "_sum")}  # fmt: skip
    assert set(names) - asked - of_histograms == set(), "told, and shown nowhere"
    overlapping = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = Counter(
        (x, y) for g in overlapping for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])
    )
    assert max(cells.values()) == 1
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_metrics_are_served_while_the_database_restarts(server: SharedServer) -> None:
    with server.database() as url:
        serving = subprocess.Popen(
            command(["metrics", "--serve", "0", "--name", "metrics.example"]),
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"ACCI_DATABASE_URL": url},
        )
        try:
            assert serving.stderr is not None
            address = re.search(r"http://\S+/metrics", serving.stderr.readline())
            assert address is not None
            assert samples(httpx.get(address[0]).text)["acci_up", ()] == 1
            for host in ("localhost:9464", "[::1]:9464", "192.168.0.7", "Metrics.example.:80", socket.gethostname()):
                assert httpx.get(address[0], headers={"Host": host}).status_code == 200, host
            for other in ({"Host": "pages.example"}, {"Host": ""}, {"Origin": "http://pages.example"}):
                refused = httpx.get(address[0], headers=other)
                assert (refused.status_code, "acci_up" in refused.text) == (403, False), other
            _only_metrics_are_answered(address[0])
            name = url.rpartition("/")[2]
            with connect(server.url, "test") as connection:
                connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
                assert samples(httpx.get(address[0]).text) == {("acci_up", ()): 0}
                connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            assert samples(httpx.get(address[0]).text)["acci_up", ()] == 1
            serving.send_signal(signal.SIGINT)
            assert serving.communicate(timeout=30)[1].strip() == "Ended."
            assert serving.returncode == 0
        finally:
            serving.kill()
            serving.wait()


def _only_metrics_are_answered(address: str) -> None:
    root = address.removesuffix("/metrics")
    for path in ("/", "/metrics/", "/metric", "/metrics/../etc/passwd", "/favicon.ico", "/METRICS"):
        missing = httpx.get(root + path)
        assert (missing.status_code, missing.text.count("\n"), "acci_up" in missing.text) == (404, 1, False), path
        assert missing.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert (httpx.head(root + path).status_code, httpx.head(root + path).content) == (404, b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "NONSENSE"):
        for at in (address, f"{root}/elsewhere"):
            refused = httpx.request(method, at)
            assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD"), method
            assert refused.text == "/metrics is read with GET or HEAD.\n"
    head = httpx.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == httpx.get(address).headers["Content-Type"]


def test_an_address_that_cannot_be_bound_is_refused(bank_url: str) -> None:
    refused = acci("metrics", "--serve", "0", "--host", "192.0.2.1", ACCI_DATABASE_URL=bank_url)
    assert refused.returncode == 1
    assert "Choose another --serve or --host" in refused.stderr
