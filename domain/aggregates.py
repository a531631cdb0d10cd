"""Aggregates: the consistency boundary. State folded from events; commands decided on that state. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from acci.domain.commands import Command, CommandData
from acci.domain.errors import DefinitionError, Refused
from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.domain.folding import Folded, evolves, state_schema_of
from acci.domain.personal import personal_fields

__all__ = ["Aggregate", "Decision", "consequences", "decides", "evolves"]

F = TypeVar("F", bound=Callable[..., Any])
Decision = EventData | Sequence[EventData] | None


def decides(command: type[CommandData]) -> Callable[[F], F]:
    """Mark a method `(self, command: Command[X]) -> events or none` as the decision on command X.

    It returns the events that happen, or raises `Refused`; it must not change state itself.
    """

    def mark(method: F) -> F:
        method.__dict__["decides"] = command
        return method

    return mark


class Aggregate(Folded):
    """The state of one aggregate. Every field needs a default: without events the aggregate is `cls()`.

    Events with no `@evolves` method leave the state as it is.

    `terminal`: events after which nothing may happen any more. A decision with further events after one is refused. The
    state must record that a terminal event happened, and later decisions must refuse; the audit `terminal_events` finds
    streams in which they did not.

    `snapshot_every`: a snapshot is due when that many events follow the last one. Old snapshots are ignored once the
    fields, the code of `@evolves` or an upcaster changed. Raise `state_version` if the meaning of the state changed for
    a reason outside the domain's code.
    """

    _marks: ClassVar[tuple[str, ...]] = ("decides", "evolves")
    terminal: ClassVar[tuple[type[EventData], ...]] = ()
    snapshot_every: ClassVar[int | None] = None
    decisions: ClassVar[dict[type[CommandData], Callable[..., Decision]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.decisions = dict(cls.decisions)
        for method in vars(cls).values():
            if command := getattr(method, "decides", None):
                cls.decisions[command] = method
        others = [e.event_type() for e in cls.evolving_events() if e.subject is not None and personal_fields(e)]
        if cls.snapshot_every and others:
            reason = (
                f"{', '.join(others)} may hold personal data of another person, which a snapshot would keep; take none."
            )
            raise DefinitionError(f"Aggregate {cls.__name__}", reason)

    @classmethod
    def aggregate_type(cls) -> str:
        return cls.__name__

    @classmethod
    def state_schema(cls) -> str:
        """The version of the state's shape, as `state_schema_of` has it; empty if no snapshots are taken."""
        return state_schema_of(cls) if cls.snapshot_every else ""

    def decide(self, command: Command[CommandData]) -> tuple[EventData, ...]:
        """The events that `command` leads to in this state. Raises `Refused` if the rules forbid it."""
        try:
            decision = self.decisions[type(command.data)](self, command)
        except Refused as refusal:
            refusal.of(type(command.data).__name__, command.data.aggregate_id)
            raise
        if decision is None:
            return ()
        if isinstance(decision, EventData):
            return (decision,)
        events = tuple(decision)
        ends = next((event for event in events[:-1] if type(event) in self.terminal), None) if self.terminal else None
        if ends is not None:
            reason = f"nothing may happen after {ends.event_type()}, and it would lead to more."
            raise Refused(reason).of(type(command.data).__name__, command.data.aggregate_id)
        return events


A = TypeVar("A", bound=Aggregate)


def consequences(
    state: A, command: Command[CommandData], stream: StreamId, version: int, new_id: Callable[[], UUID]
) -> tuple[tuple[Event[EventData], ...], A]:
    """The events that `command` leads to in this state of `stream`, at `version`, and the state after them.

    Raises `Refused`.
    """
    metadata = EventMetadata(
        stream.tenant_id, command.metadata.correlation_id, str(command.id), command.metadata.user_id
    )
    timestamp = command.metadata.timestamp.astimezone(UTC)  # as it is read: a state's days must be a loaded one's
    events = tuple(
        [
            Event(
                new_id(),
                stream.aggregate_id,
                stream.aggregate_type,
                data.event_type(),
                number,
                data,
                metadata,
                timestamp,
                data.schema_version,
            )
            for number, data in enumerate(state.decide(command), version + 1)
        ]
    )
    for event in events:
        state = state.evolve(event)
    return events, state
