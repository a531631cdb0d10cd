"""Traces of commands: a span each, in the trace of its correlation."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from acci.store import telemetry
from acci.store.commands.deciding import Accepted
from acci.store.telemetry import UNTRACED, of_correlation


def handling(
    commands: Sequence[Accepted],
) -> AbstractContextManager[object]:
    """Inside, the commands are handled: a span each, in the trace of its correlation; an error is told in it."""
    return _handling(commands) if telemetry.is_on() else UNTRACED


@contextmanager
def _handling(commands: Sequence[Accepted]) -> Iterator[None]:
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
            span = telemetry.begin(name, attributes, telemetry.trace_id(tenant_id, correlation_id))
            stack.enter_context(telemetry.as_current(span))
        yield
