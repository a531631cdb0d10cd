"""The metrics in Prometheus' format."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import psycopg
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from acci.domain.errors import AcciError
from acci.flows.local.allowed_hosts import for_own_hosts
from acci.store.monitoring.metrics import Histogram, Metrics, read_metrics
from acci.store.monitoring.reactions import RUNS, ReactionStatus
from acci.store.postgres.database import connect
from acci.store.postgres.refusals import refusal_of
from acci.store.postgres.replica import Lag
from acci.store.registry import Catalogue

UP = "Whether the database answers and has the schema"
PATH = "/metrics"


class Figures(Collector):
    """Calls `read` at every scrape; while it returns None, acci_up is 0 and the only metric."""

    def __init__(self, read: Callable[[], Metrics | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        found = self._read()
        yield GaugeMetricFamily("acci_up", UP, found is not None)
        if found is not None:
            yield from families(found)


def text(found: Metrics) -> str:
    """The metrics as text for Prometheus."""
    registry = CollectorRegistry()
    registry.register(Figures(lambda: found))
    return generate_latest(registry).decode()


def no_replica() -> None:
    return None


def at_each_scrape(
    database_url: str, catalogue: Catalogue, replica: Callable[[], Lag | None] = no_replica
) -> CollectorRegistry:
    """A registry that reads the metrics when it is asked for them, one at a time, each by a connection of its own.

    `replica` gives how far the one that reads go to is behind, if there is one.
    """
    one_at_a_time = threading.Lock()

    def read() -> Metrics | None:
        try:
            with one_at_a_time, connect(database_url, "metrics", "administer", shared=True) as connection:
                return replace(read_metrics(connection, catalogue), replica=replica())
        except (AcciError, psycopg.Error) as error:
            if not isinstance(error, AcciError) and refusal_of(error) is None:
                raise
            return None

    registry = CollectorRegistry()
    registry.register(Figures(read))
    return registry


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_said: object) -> None:
        """Log no scrapes."""


def serve(
    database_url: str,
    catalogue: Catalogue,
    host: str,
    port: int,
    names: Sequence[str] = (),
    replica: Callable[[], Lag | None] = no_replica,
) -> int:
    """Answer scrapes at http://host:port/metrics from threads of this process; gives the port.

    Only requests by IP address, by `host` or by one of the other `names` are answered. Each scrape reads the metrics,
    one at a time. Other paths are answered with 404, other methods than GET and HEAD with 405. Raises OSError if the
    address cannot be bound.
    """
    scraped = make_wsgi_app(at_each_scrape(database_url, catalogue, replica))
    application = for_own_hosts(_only_metrics(scraped), (host, *names))
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    _Server.address_family, address = found[0], str(found[4][0])
    server = make_server(address, port, application, _Server, _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_port)


def _only_metrics(application: WSGIApplication) -> WSGIApplication:
    """The application, which would answer at any path, at that of the metrics only."""

    def answer(asked: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        method = asked["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            refused, said = "405 Method Not Allowed", f"{PATH} is read with GET or HEAD."
        elif asked["PATH_INFO"] != PATH:
            refused, said = "404 Not Found", f"The metrics are at {PATH}; nothing else is here."
        else:
            body = application(asked | {"REQUEST_METHOD": "GET"}, start)
            return () if method == "HEAD" else body
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        start(refused, [*headers, ("Allow", "GET, HEAD")] if refused.startswith("405") else headers)
        return () if method == "HEAD" else [f"{said}\n".encode()]

    return answer


def families(found: Metrics) -> Iterator[Metric]:
    """Every metric, by name."""
    yield from _of_the_log(found)
    yield from _of_projections(found)
    yield from _of_reactions(found)
    yield from _of_replica(found.replica)
    yield _histogram("acci_batch_duration_seconds", "How long a batch took", "projection", found.batches)
    yield _histogram("acci_snapshot_size_bytes", "Snapshots by size as stored", "aggregate", found.snapshots)
    findings = GaugeMetricFamily("acci_findings", "Open findings", labels=["severity", "projection"])
    for severity in ("error", "warning", "info"):
        findings.add_metric([severity, ""], found.findings.get((severity, ""), 0))
    for (severity, projection), many in found.findings.items():
        if projection:
            findings.add_metric([severity, projection], many)
    yield findings
    if found.audit is not None:
        last = found.audit
        yield GaugeMetricFamily("acci_audit_age_seconds", "Time since the last full audit", last.age)
        results = GaugeMetricFamily("acci_audit_findings", "Findings of the last full audit", labels=["severity"])
        for severity, many in (("error", last.errors), ("warning", last.warnings), ("info", last.infos)):
            results.add_metric([severity], many)
        yield results


def _of_the_log(found: Metrics) -> Iterator[Metric]:
    events = CounterMetricFamily("acci_events", "Events up to the high-water mark", labels=["event_type"])
    for event_type, many in found.events.items():
        events.add_metric([event_type], many)
    yield events
    mark = found.mark
    yield GaugeMetricFamily("acci_head_position", "The last position drawn", mark.head)
    yield GaugeMetricFamily("acci_high_water_position", "The high-water mark as last established", mark.position)
    yield GaugeMetricFamily("acci_high_water_age_seconds", "How long the mark has been behind the log", mark.behind)
    yield GaugeMetricFamily("acci_high_water_holders", "Transactions that append above the mark", len(mark.holders))


def _of_replica(found: Lag | None) -> Iterator[Metric]:
    if found is not None:
        yield GaugeMetricFamily("acci_replica_read", "1 if reads go to the replica", found.problem is None)
    if found is not None and found.seconds is not None:
        yield GaugeMetricFamily("acci_replica_lag_seconds", "How long ago the replica had everything", found.seconds)
    if found is not None and found.positions is not None:
        yield GaugeMetricFamily("acci_replica_lag_positions", "Positions that the replica has not yet", found.positions)


def _of_projections(found: Metrics) -> Iterator[Metric]:
    def gauge(name: str, about: str, values: Mapping[str, float]) -> Metric:
        family = GaugeMetricFamily(name, about, labels=["projection"])
        for projection, value in values.items():
            family.add_metric([projection], value)
        return family

    each = {status.projection: status for status in found.projections}
    yield gauge(
        "acci_projection_live", "1 if it is live and may be advanced", {n: s.state == "live" for n, s in each.items()}
    )
    yield gauge(
        "acci_projection_checkpoint",
        "The position up to which it is applied",
        {n: s.checkpoint for n, s in each.items()},
    )
    yield gauge("acci_projection_lag_events", "Events not applied yet", {n: s.lag_events for n, s in each.items()})
    yield gauge(
        "acci_projection_lag_seconds", "How long the oldest of them waits", {n: s.lag_seconds for n, s in each.items()}
    )
    yield gauge("acci_dead_letters", "Events that could not be applied", {n: s.dead_letters for n, s in each.items()})
    yield gauge("acci_parked_keys", "Keys that wait behind them", {n: found.parked.get(n, 0) for n in each})
    yield gauge("acci_rebuild_progress_ratio", "Progress of a rebuild under way, from 0 to 1", found.rebuilds)


def _of_reactions(found: Metrics) -> Iterator[Metric]:
    def gauge(name: str, about: str, value: Callable[[ReactionStatus], float]) -> Metric:
        family = GaugeMetricFamily(f"acci_reaction_{name}", about, labels=["reaction"])
        for each in found.reactions:
            family.add_metric([each.reaction], value(each))
        return family

    yield gauge("runs", "1 if it is started and not paused, and its class is there", lambda each: each.state == RUNS)
    yield gauge("checkpoint", "The position up to which it has decided", lambda each: each.checkpoint)
    yield gauge("lag_events", "Its events that are not decided yet", lambda each: each.lag_events)
    yield gauge("lag_seconds", "How long the oldest of them waits", lambda each: each.lag_seconds)
    yield gauge("pending", "Effects that are not delivered yet, of 20,000 at most", lambda each: each.pending)
    yield gauge(
        "undelivered_seconds",
        "How long the oldest of them waits that is behind no dead letter",
        lambda each: each.undelivered_seconds,
    )
    yield gauge(
        "dead_letters", "Events not decided and effects not delivered, for good", lambda each: each.dead_letters
    )
    yield gauge("parked_keys", "Keys that wait behind its dead letters", lambda each: each.parked_keys)
    yield gauge("timers", "Timers that are set, of 40,000 at most", lambda each: each.timers + each.timers_due)
    yield gauge("timers_due", "Timers that are due and have not fired", lambda each: each.timers_due)


def _histogram(name: str, about: str, label: str, found: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, about, labels=[label])
    for value, histogram in found.items():
        buckets, below = [], 0
        for bound, many in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
            below += many
            buckets.append(("+Inf" if bound == float("inf") else f"{float(bound)}", float(below)))
        family.add_metric([value], buckets, histogram.total)
    return family
