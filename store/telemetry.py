"""OpenTelemetry: loaded only where the environment asks for traces, as is usual.

Asked for by OTEL_TRACES_EXPORTER (otlp, console; console writes to stderr) or by OTEL_EXPORTER_OTLP_ENDPOINT; other
variables mean what OpenTelemetry says. Otherwise this costs nothing, not even an import.

A command, its append, and the batches that applied its events are in one trace, found by the correlation id. Nothing is
stored for it: a batch in another process, later, derives the trace's id from the events'. Spans carry names, ids,
positions and counts, never a payload.
"""

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, SpanContext, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

log = logging.getLogger(__name__)
_trace_to_begin: ContextVar[int] = ContextVar("trace_to_begin", default=0)


def _exporters() -> tuple[str, ...]:
    """Those that the environment asks for; none: no traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    unset = "otlp" if any(os.environ.get(name) for name in ENDPOINTS) else "none"
    named = [name.strip() for name in (os.environ.get("OTEL_TRACES_EXPORTER") or unset).split(",")]
    return tuple(name for name in named if name not in ("", "none"))


@dataclass
class _Tracing:
    """Whether, and what with; the tracer is made at first use, since its import takes 0.3 s."""

    on: bool
    tracer: "Tracer | None" = None


_tracing = _Tracing(bool(_exporters()))


def is_on() -> bool:
    return _tracing.on


@contextmanager
def exporting_to(exporter: "SpanExporter") -> Iterator[None]:
    """Inside, spans go to an exporter of your own, each as it ends, whatever the environment says."""
    global _tracing  # noqa: PLW0603 a process has one
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider, before = _provider(), _tracing
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    _tracing = _Tracing(True, provider.get_tracer("acci"))
    try:
        yield
    finally:
        _tracing = before
        provider.shutdown()


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


def start_span(
    name: str,
    attributes: dict[str, Any],
    trace: str | None = None,
    link: "SpanContext | None" = None,
    start_time: int | None = None,
) -> "Span":
    """A span in `trace`, or where the caller is. A caller's span in another trace is linked; times in nanoseconds."""
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, get_current_span

    around = get_current_span().get_span_context()
    number = around.trace_id if trace is None else int(trace, 16)
    elsewhere = around.is_valid and around.trace_id != number
    links = [Link(context) for context in (link, around if elsewhere else None) if context is not None]
    within = None if around.trace_id == number else Context()
    token = _trace_to_begin.set(number)
    try:
        return _tracer().start_span(name, within, attributes=attributes, links=links, start_time=start_time)
    finally:
        _trace_to_begin.reset(token)


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
    """Let the span count as failed, for the reason `what`."""
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, what))


def _tracer() -> "Tracer":
    if _tracing.tracer is None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

        provider = _provider()
        for name in _exporters():
            if name == "console":
                provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
            elif name == "otlp":
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

                provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            else:
                log.warning("No traces to %r, which OTEL_TRACES_EXPORTER names: otlp and console are known.", name)
        _tracing.tracer = provider.get_tracer("acci")
    return _tracing.tracer


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


def _ignore(_: object) -> None:
    """Nothing is noted without traces."""


UNTRACED = nullcontext(_ignore)


def of_correlation(tenant_id: str, correlation_id: str) -> dict[str, Any]:
    """The attributes by which a correlation's spans are found."""
    return {"acci.tenant_id": tenant_id, "acci.correlation_id": correlation_id}
