"""Traces: a command, its append, and the batches that applied its events, found by the correlation id.

Nothing is stored for it: a batch in another process, later, finds the trace that the command began by the correlation
id of the event. Spans carry names, ids, positions and counts, never a payload. Off unless asked for: `telemetry`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acci.store import telemetry
from acci.store.postgres.statements import sql

if TYPE_CHECKING:
    from acci.store.commands.deciding import Accepted
    from acci.store.generations.generations import Generation
    from acci.store.log.append import Append
    from acci.store.postgres.database import Connection

EventsOfAppends = Sequence[Sequence[Any]]


def _unheard(_: object) -> None:
    """Tell nobody."""


_UNTRACED, _UNHEARD = nullcontext(), nullcontext(_unheard)


@dataclass(frozen=True)
class Batch:
    """A batch that was applied: the events in (after, upto]; `careful`: there may be parked keys."""

    after: int
    upto: int
    rows: int
    dead_letters: int
    careful: bool


def handling(
    commands: "Sequence[Accepted]",
) -> AbstractContextManager[object]:
    """Inside, the commands are handled: a span each, in the trace of its correlation; an error is told in it."""
    return _handling(commands) if telemetry.is_on() else _UNTRACED


def appending(appends: "Sequence[Append]") -> AbstractContextManager[Callable[[EventsOfAppends], None]]:
    """Inside, `appends` are stored, as a part of the command's span; call what is given with what was recorded."""
    return _appending(appends) if telemetry.is_on() else _UNHEARD


def applying(
    connection: "Connection", generation: "Generation", event_types: Sequence[str]
) -> AbstractContextManager[Callable[[Batch], None]]:
    """Inside, a batch is applied and committed; call what is given with it, unless there was nothing to apply.

    One span a batch, in a trace of its own. If readers see the generation, also one in the trace of each correlation
    whose events it applied, linked to the batch's: of those among the last 1,000 positions, 100 at most. They are found
    by one query, after the commit.
    """
    return _applying(connection, generation, event_types) if telemetry.is_on() else _UNHEARD


@contextmanager
def _handling(commands: "Sequence[Accepted]") -> Iterator[None]:
    with ExitStack() as stack:
        for command, _, stream, *_ in reversed(commands):  # so that the append is part of the first one's
            tenant_id, correlation_id = stream.tenant_id, command.metadata.correlation_id
            name = type(command.data).__name__
            attributes = _of_correlation(tenant_id, correlation_id) | {
                "acci.command": name,
                "acci.command_id": str(command.id),
                "acci.aggregate_type": stream.aggregate_type,
                "acci.aggregate_id": stream.aggregate_id,
            }
            span = telemetry.begin(name, attributes, telemetry.trace_id(tenant_id, correlation_id))
            stack.enter_context(telemetry.as_current(span))
        yield


@contextmanager
def _appending(appends: "Sequence[Append]") -> Iterator[Callable[[EventsOfAppends], None]]:
    metadata = [event.metadata for append in appends for event in append.events]
    attributes: dict[str, Any] = {"acci.events": len(metadata), "acci.streams": len(appends)}
    trace = None
    if metadata:
        correlation = metadata[0].tenant_id, metadata[0].correlation_id
        attributes |= _of_correlation(*correlation)
        trace = telemetry.trace_id(*correlation)
    span = telemetry.begin("append", attributes, trace)
    with telemetry.as_current(span):

        def told(recorded: EventsOfAppends) -> None:
            positions = [event.position for events in recorded for event in events]
            if positions:
                span.set_attributes({"acci.first_position": min(positions), "acci.last_position": max(positions)})

        yield told


@contextmanager
def _applying(
    connection: "Connection", generation: "Generation", event_types: Sequence[str]
) -> Iterator[Callable[[Batch], None]]:
    began, applied = time.time_ns(), list[Batch]()
    about = {
        "acci.projection": generation.projection,
        "acci.generation": generation.generation,
        "acci.generation_state": generation.state,
    }
    name = f"batch of {generation.projection}"
    try:
        yield applied.append
    except Exception as error:
        span = telemetry.begin(name, about, start_time=began)
        telemetry.mark_wrong(span, type(error).__name__)
        span.end()
        raise
    for batch in applied:
        committed = time.time_ns()
        positions = {"acci.first_position": batch.after + 1, "acci.last_position": batch.upto}
        counts = {"acci.rows": batch.rows, "acci.dead_letters": batch.dead_letters}
        span = telemetry.begin(name, about | positions | counts, start_time=began)
        span.end(committed)
        if generation.state != "live":
            continue
        parameters = {"generation": generation.generation, "event_types": list(event_types)} | vars(batch)
        # Of what waits behind a dead letter the events are not known, only that there is something.
        about_all = about | {"acci.keys_parked": batch.careful or batch.dead_letters > 0}
        for tenant_id, correlation_id, first, last, events, set_aside in connection.execute(
            sql("tracing/correlations"), parameters
        ):
            part = telemetry.begin(
                f"applied to {generation.projection}",
                about_all
                | _of_correlation(tenant_id, correlation_id)
                | {"acci.first_position": first, "acci.last_position": last}
                | {"acci.events": events, "acci.dead_letters": set_aside},
                telemetry.trace_id(tenant_id, correlation_id),
                span.get_span_context(),
                began,
            )
            if set_aside:
                telemetry.mark_wrong(part, "set aside as a dead letter")
            part.end(committed)


def _of_correlation(tenant_id: str, correlation_id: str) -> dict[str, Any]:
    return {"acci.tenant_id": tenant_id, "acci.correlation_id": correlation_id}
