"""Traces: from a command to the batch that applied its event, by the correlation id; nothing unless asked for."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from acci.domain.errors import ConcurrencyError
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.projecting import batches
from acci.store.rebuilding import build
from acci.store.registry import load
from acci.store.telemetry import Tracing, trace_id
from tests.domains.ledger import Open, Pay, command
from tests.support.shell import acci

CATALOGUE = load(["acci.domain.users", "tests.domains.ledger", "tests.domains.incident.before"])


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> Iterator[Tracing]:
    with closing(Tracing.to(spans)) as made:
        yield made


@pytest.fixture
def handler(database_url: str, tracing: Tracing) -> Iterator[CommandHandler]:
    with Database(database_url, tracing=tracing) as database:
        yield CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)


@pytest.fixture
def connection(database_url: str, tracing: Tracing) -> Iterator[Connection]:
    with connect(database_url, "test", tracing=tracing) as opened:
        for name in ("holders", "notes"):
            build.rebuild(opened, CATALOGUE, CATALOGUE.projection(name))
        yield opened


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def told(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("acci."): value for name, value in (span.attributes or {}).items()}


def test_a_command_its_append_and_the_batch_are_one_trace(
    spans: InMemorySpanExporter, handler: CommandHandler, connection: Connection
) -> None:
    sent = command(Open(account="a", holder="Ann Berg"), correlation_id="request-7")
    (event,) = handler.handle(sent)
    batches.catch_up(connection, CATALOGUE, CATALOGUE.projection("holders"))
    found = {span.name: span for span in spans.get_finished_spans()}
    of_one = [span for span in found.values() if trace_of(span) == trace_id("acme", "request-7")]
    assert [span.name for span in of_one] == ["append", "Open", "applied to holders"]
    append, handled, applied = of_one
    assert handled.context is not None
    assert (handled.parent, applied.parent) == (None, None)
    assert append.parent is not None
    assert append.parent.span_id == handled.context.span_id
    assert told(handled)["correlation_id"] == told(applied)["correlation_id"] == "request-7"
    assert told(handled)["command_id"] == str(sent.id)
    assert told(append)["first_position"] == told(applied)["last_position"] == event.position
    batch = found["batch of holders"]
    assert [link.context for link in applied.links] == [batch.context]
    assert told(batch)["rows"] == 1
    assert (applied.start_time, applied.end_time) == (batch.start_time, batch.end_time)
    assert not any("Berg" in span.to_json() for span in found.values())


def test_errors_are_traced_without_the_payload(spans: InMemorySpanExporter, handler: CommandHandler) -> None:
    with pytest.raises(ConcurrencyError):
        handler.handle(command(Open(account="a", holder="Ann Berg")), expected_version=4)
    (span,) = spans.get_finished_spans()
    assert (span.status.is_ok, span.status.description, span.events) == (False, "ConcurrencyError", ())


def test_commands_handled_together_are_each_in_their_own_trace(
    spans: InMemorySpanExporter, handler: CommandHandler
) -> None:
    both = [command(Open(account=name, holder="A B"), correlation_id=f"of-{name}") for name in "ab"]
    handler.handle_together(both)
    found = {told(span)["correlation_id"]: span for span in spans.get_finished_spans() if span.name == "Open"}
    assert {trace_of(span) for span in found.values()} == {trace_id("acme", f"of-{name}") for name in "ab"}
    (append,) = (span for span in spans.get_finished_spans() if span.name == "append")
    assert trace_of(append) == trace_of(found["of-a"])


def test_a_callers_trace_goes_on_or_is_linked(spans: InMemorySpanExporter, handler: CommandHandler) -> None:
    with TracerProvider().get_tracer("web").start_as_current_span("request") as around:
        trace = f"{around.get_span_context().trace_id:032x}"
        handler.handle(command(Open(account="a", holder="A B"), correlation_id=trace))
        handler.handle(command(Pay(account="a", amount=Decimal(1)), correlation_id="its own"))
    within, linked = (span for span in spans.get_finished_spans() if span.name in ("Open", "Pay"))
    assert within.parent == around.get_span_context()
    assert linked.parent is None
    assert [link.context for link in linked.links] == [around.get_span_context()]


def note(connection: psycopg.Connection[Any], count: int, correlation: str, schema_version: int = 1) -> None:
    connection.execute(
        """INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
            event_type, data, metadata)
        SELECT now(), gen_random_uuid(), 1, %s, 't', 'Note', %s || number, 'NoteWritten', '{"text": "Ann Berg"}',
            jsonb_build_object('correlation_id', %s || number)
        FROM generate_series(1, %s) AS number""",
        (schema_version, str(uuid4()), correlation, count),
    )


def test_a_large_batch_traces_only_its_last_events(spans: InMemorySpanExporter, connection: Connection) -> None:
    note(connection, 2_000, "r")
    batches.catch_up(connection, CATALOGUE, CATALOGUE.projection("notes"))
    applied = [span for span in spans.get_finished_spans() if span.name == "applied to notes"]
    assert [told(span)["correlation_id"] for span in applied] == [f"r{number}" for number in range(2_000, 1_900, -1)]


def test_dead_letters_do_not_count_as_applied(spans: InMemorySpanExporter, connection: Connection) -> None:
    note(connection, 1, "good-")
    note(connection, 1, "newer-", schema_version=2)
    batches.catch_up(connection, CATALOGUE, CATALOGUE.projection("notes"))
    applied = {told(span)["correlation_id"]: span for span in spans.get_finished_spans() if "applied" in span.name}
    assert {name: span.status.is_unset for name, span in applied.items()} == {"good-1": True, "newer-1": False}
    assert told(applied["newer-1"])["dead_letters"] == 1


def test_a_process_finds_the_trace_that_another_began(
    spans: InMemorySpanExporter, connection: Connection, database_url: str
) -> None:
    build.rebuild(connection, CATALOGUE, CATALOGUE.projection("user_view"))
    data = '{"user_id": "ann", "email": "a@example.com", "name": "Ann Berg"}'
    asked = {"ACCI_DATABASE_URL": database_url, "OTEL_TRACES_EXPORTER": "console"}
    done = acci("send", "CreateUser", "--tenant", "t", "--user", "me", "--correlation", "request-8", data, **asked)
    assert done.returncode == 0, done.stderr
    batches.catch_up(connection, CATALOGUE, CATALOGUE.projection("user_view"))
    (applied,) = (span for span in spans.get_finished_spans() if span.name == "applied to user_view")
    assert done.stderr.count(f'"trace_id": "0x{trace_of(applied)}"') == 2
    assert '"service.name": "acci"' in done.stderr
    assert "Berg" not in done.stderr


def test_an_unknown_exporter_is_named_and_stops_nothing(connection: Connection, database_url: str) -> None:
    data = '{"user_id": "ann", "email": "a@example.com", "name": "Ann"}'
    asked = {"ACCI_DATABASE_URL": database_url, "OTEL_TRACES_EXPORTER": "zipkin"}
    done = acci("send", "CreateUser", "--tenant", "t", "--user", "me", data, **asked)
    assert done.returncode == 0
    assert done.stderr.count("'zipkin'") == 1


def test_nothing_is_imported_before_the_first_span() -> None:
    used = "acci.store.commands.handler, acci.store.projecting.batches, acci.store.telemetry"
    asked = "acci.store.telemetry.Tracing.from_environment({'OTEL_TRACES_EXPORTER': 'otlp'})"
    # Looking whether the extra is there makes packages that hold no code.
    loaded = "[module for name, module in sys.modules.items() if name.startswith('opentelemetry')]"
    code = f"getattr(each, '__file__', None) for each in {loaded}"
    looked = f"import sys, {used}; assert {asked}; sys.exit(any({code}))"
    assert subprocess.run([sys.executable, "-c", looked], check=False).returncode == 0


def test_only_what_was_handed_a_tracing_is_traced(
    spans: InMemorySpanExporter, handler: CommandHandler, database_url: str
) -> None:
    with Database(database_url) as database:
        CommandHandler(EventStore(database, CATALOGUE), CATALOGUE).handle(command(Open(account="b", holder="Bo")))
    assert spans.get_finished_spans() == ()
    handler.handle(command(Open(account="a", holder="Ann")))
    assert [span.name for span in spans.get_finished_spans()] == ["append", "Open"]


@pytest.mark.parametrize(
    ("asked", "traced"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
    ],
)
def test_the_environment_says_whether_to_trace(asked: dict[str, str], traced: bool) -> None:
    assert (Tracing.from_environment(asked) is not None) == traced


def test_a_correlation_id_that_is_a_trace_id_is_the_trace() -> None:
    given = uuid4()
    assert trace_id("a", str(given)) == trace_id("b", given.hex) == given.hex
    assert trace_id("a", "r") != trace_id("b", "r")
    assert int(trace_id("a", "00000000-0000-0000-0000-000000000000"), 16) > 0
