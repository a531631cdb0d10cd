"""Traces of batches: a span each, and one in the trace of each correlation whose events became visible."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.telemetry import Tracing, mark_failed, of_correlation, trace_id


@dataclass(frozen=True)
class Batch:
    """A batch that was applied: the events in (after, upto]; `skip_parked`: there may be parked keys."""

    after: int
    upto: int
    rows: int
    dead_letters: int
    skip_parked: bool


def applying(
    connection: Connection, generation: Generation, event_types: Sequence[str]
) -> AbstractContextManager[Callable[[Batch], None]]:
    """Inside, a batch is applied and committed; call the yielded function with it, unless there was nothing to apply.

    One span a batch, in a trace of its own. If the generation is live, also one in the trace of each correlation whose
    events it applied, linked to the batch's span: for the last 1,000 positions, 100 correlations at most, found by one
    query after the commit.
    """
    if connection.tracing is None:
        return UNTRACED
    return _applying(connection, connection.tracing, generation, event_types)


def _ignore(_: object) -> None:
    """Nothing is noted without traces."""


UNTRACED = nullcontext(_ignore)


@contextmanager
def _applying(
    connection: Connection, tracing: Tracing, generation: Generation, event_types: Sequence[str]
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
        span = tracing.start_span(name, about, start_time=began)
        mark_failed(span, type(error).__name__)
        span.end()
        raise
    for batch in applied:
        committed = time.time_ns()
        positions = {"acci.first_position": batch.after + 1, "acci.last_position": batch.upto}
        counts = {"acci.rows": batch.rows, "acci.dead_letters": batch.dead_letters}
        span = tracing.start_span(name, about | positions | counts, start_time=began)
        span.end(committed)
        if generation.state != "live":
            continue
        parameters = {"generation": generation.generation, "event_types": list(event_types)} | vars(batch)
        # Which events wait behind a dead letter is not known, only that some do.
        about_all = about | {"acci.keys_parked": batch.skip_parked or batch.dead_letters > 0}
        for tenant_id, correlation_id, first, last, events, set_aside in connection.execute(
            sql("projecting/batches:correlations"), parameters
        ):
            part = tracing.start_span(
                f"applied to {generation.projection}",
                about_all
                | of_correlation(tenant_id, correlation_id)
                | {"acci.first_position": first, "acci.last_position": last}
                | {"acci.events": events, "acci.dead_letters": set_aside},
                trace_id(tenant_id, correlation_id),
                span.get_span_context(),
                began,
            )
            if set_aside:
                mark_failed(part, "set aside as a dead letter")
            part.end(committed)
