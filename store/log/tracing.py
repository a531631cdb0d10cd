"""Traces of appends: a span each, as a part of the command's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from acci.store import telemetry
from acci.store.log.append import Append
from acci.store.telemetry import of_correlation

EventsOfAppends = Sequence[Sequence[Any]]


@contextmanager
def appending(appends: Sequence[Append]) -> Iterator[Callable[[EventsOfAppends], None]]:
    """Inside, `appends` are stored, as a part of the command's span; call what is given with what was recorded."""
    metadata = [event.metadata for append in appends for event in append.events]
    attributes: dict[str, Any] = {"acci.events": len(metadata), "acci.streams": len(appends)}
    trace = None
    if metadata:
        correlation = metadata[0].tenant_id, metadata[0].correlation_id
        attributes |= of_correlation(*correlation)
        trace = telemetry.trace_id(*correlation)
    span = telemetry.start_span("append", attributes, trace)
    with telemetry.as_current(span):

        def note(recorded: EventsOfAppends) -> None:
            positions = [event.position for events in recorded for event in events]
            if positions:
                span.set_attributes({"acci.first_position": min(positions), "acci.last_position": max(positions)})

        yield note
