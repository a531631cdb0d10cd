"""OpenTelemetry: loaded only where traces are asked for.

A process makes one `Tracing` where it starts and hands it to each `Database` and `connect`; without one nothing is
traced, and it costs nothing, not even an import.

A command, its append, and the batches that applied its events are in one trace, found by the correlation id. Nothing is
stored for it: a batch in another process, later, derives the trace's id from the events'. Spans carry names, ids,
positions and counts, never a payload.
"""

import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import UUID

from acci.store.extras import MissingExtra, needs, require

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, SpanContext, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

log = logging.getLogger(__name__)
_trace_to_begin: ContextVar[int] = ContextVar("trace_to_begin", default=0)


class Tracing:
    """Where a process sends its spans. Safe to share between threads; one for a process is enough.

    `processors` makes the span processors, when the first span starts: until then OpenTelemetry is not imported, which
    takes 0.3 s.
    """

    def __init__(self, processors: "Callable[[], list[SpanProcessor]]") -> None:
        self._processors = processors
        self._starting = threading.Lock()
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Tracing | None":
        """As the environment asks now: by OTEL_TRACES_EXPORTER (otlp, console; console writes to stderr) or by
        OTEL_EXPORTER_OTLP_ENDPOINT. None if it asks for no traces, and without the extra for them, which is logged as
        a warning: commands go on. Other variables mean what OpenTelemetry says.
        """
        names = exporters(environment)
        try:
            if names:
                require("tracing")
        except MissingExtra as missing:
            log.warning("There are no traces. %s", missing)
            return None
        return cls(lambda: [made for name in names if (made := _processor(name)) is not None]) if names else None

    @classmethod
    def to(cls, exporter: "SpanExporter") -> "Tracing":
        """To an exporter of your own, each span as it ends."""

        def processors() -> "list[SpanProcessor]":
            with needs("tracing"):
                from opentelemetry.sdk.trace.export import SimpleSpanProcessor

            return [SimpleSpanProcessor(exporter)]

        return cls(processors)

    def start_span(
        self,
        name: str,
        attributes: dict[str, Any],
        trace: str | None = None,
        link: "SpanContext | None" = None,
        start_time: int | None = None,
    ) -> "Span":
        """A span in `trace`, or where the caller is. A caller's span in another trace is linked; times in ns."""
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, get_current_span

        around = get_current_span().get_span_context()
        number = around.trace_id if trace is None else int(trace, 16)
        elsewhere = around.is_valid and around.trace_id != number
        links = [Link(context) for context in (link, around if elsewhere else None) if context is not None]
        within = None if around.trace_id == number else Context()
        tracer = self._started()
        token = _trace_to_begin.set(number)
        try:
            return tracer.start_span(name, within, attributes=attributes, links=links, start_time=start_time)
        finally:
            _trace_to_begin.reset(token)

    def close(self) -> None:
        """Send what was not sent yet; later spans go nowhere. At the end of the process this happens by itself."""
        if self._provider is not None:
            self._provider.shutdown()

    def _started(self) -> "Tracer":
        if self._tracer is None:
            with self._starting:
                if self._provider is None:
                    self._provider = _provider()
                    for processor in self._processors():
                        self._provider.add_span_processor(processor)
                self._tracer = self._provider.get_tracer("acci")
        return self._tracer


def exporters(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Those that the environment asks for; none: no traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    unset = "otlp" if any(environment.get(name) for name in ENDPOINTS) else "none"
    named = [name.strip() for name in (environment.get("OTEL_TRACES_EXPORTER") or unset).split(",")]
    return tuple(name for name in named if name not in ("", "none"))


def _processor(exporter: str) -> "SpanProcessor | None":
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

    if exporter == "console":
        return SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr))
    if exporter == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return BatchSpanProcessor(OTLPSpanExporter())
    log.warning("No traces to %r, which OTEL_TRACES_EXPORTER names: otlp and console are known.", exporter)
    return None


def trace_id(tenant_id: str, correlation_id: str) -> str:
    """The id, 32 hexadecimal digits, of the trace that a correlation's spans are in: derived, stored nowhere.

    A correlation id that is a UUID, or the id of a trace, is itself the trace's id.
    """
    try:
        number = UUID(correlation_id).int
    except ValueError:
        number = 0
    text = f"{tenant_id}\0{correlation_id}".encode()
    return f"{number or int.from_bytes(hashlib.sha256(text).digest()[:16]):032x}"


def current_ids() -> tuple[str, ...]:
    """The ids, in hexadecimal digits, of the trace and the span that the caller is in; none if it is in none."""
    trace = sys.modules.get("opentelemetry.trace")  # where nobody imported it, nobody began a span
    if trace is None:
        return ()
    context = trace.get_current_span().get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else ()


@contextmanager
def as_current(span: "Span") -> Iterator["Span"]:
    """Inside, others are part of `span`; it ends with it, as failed if anything is raised."""
    from opentelemetry.trace import use_span

    try:
        # Of an error its class only: its text may quote a payload.
        with use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
            yield span
    except Exception as error:
        mark_failed(span, type(error).__name__)
        raise
    finally:
        span.end()


def mark_failed(span: "Span", what: str) -> None:
    """Mark the span as failed, for the reason `what`."""
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, what))


def _provider() -> "TracerProvider":
    """One of our own, that begins traces with the id wanted; sampling is as the environment says."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _trace_to_begin.get() or super().generate_trace_id()

    known = Resource.create()
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return TracerProvider(
        resource=known if named else known.merge(Resource({"service.name": "acci"})), id_generator=Ids()
    )


def of_correlation(tenant_id: str, correlation_id: str) -> dict[str, Any]:
    """The attributes by which a correlation's spans are found."""
    return {"acci.tenant_id": tenant_id, "acci.correlation_id": correlation_id}
