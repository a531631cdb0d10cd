"""Traces of commands: a span each, in the trace of its correlation."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from acci.store.commands.validation import AcceptedCommand
from acci.store.telemetry import Tracing, as_current, of_correlation, trace_id


@contextmanager
def handling(tracing: Tracing, commands: Sequence[AcceptedCommand]) -> Iterator[None]:
    """Inside, the commands are handled: a span each, in the trace of its correlation; failed ones are marked."""
    with ExitStack() as stack:
        for command, _, stream, *_ in reversed(commands):  # so that the append is part of the first one's
            tenant_id, correlation_id = stream.tenant_id, command.metadata.correlation_id
            name = type(command.data).__name__
            attributes = of_correlation(tenant_id, correlation_id) | {
                "acci.command": name,
                "acci.command_id": str(command.id),
                "acci.aggregate_type": stream.aggregate_type,
                "acci.aggregate_id": stream.aggregate_id,
            }
            span = tracing.start_span(name, attributes, trace_id(tenant_id, correlation_id))
            stack.enter_context(as_current(span))
        yield
