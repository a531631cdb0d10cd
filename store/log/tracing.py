"""Traces of appends: a span each, as a part of the command's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from acci.store.log.append import Append
from acci.store.telemetry import Tracing, as_current, of_correlation, trace_id

EventsOfAppends = Sequence[Sequence[Any]]


@contextmanager
def appending(tracing: Tracing, appends: Sequence[Append]) -> Iterator[Callable[[EventsOfAppends], None]]:
    """Inside, `appends` are stored, as a part of the command's span; call the yielded function with the events."""
    metadata = [event.metadata for append in appends for event in append.events]
    attributes: dict[str, Any] = {"acci.events": len(metadata), "acci.streams": len(appends)}
    trace = None
    if metadata:
        correlation = metadata[0].tenant_id, metadata[0].correlation_id
        attributes |= of_correlation(*correlation)
        trace = trace_id(*correlation)
    span = tracing.start_span("append", attributes, trace)
    with as_current(span):

        def note(recorded: EventsOfAppends) -> None:
            positions = [event.position for events in recorded for event in events]
            if positions:
                span.set_attributes({"acci.first_position": min(positions), "acci.last_position": max(positions)})

        yield note
