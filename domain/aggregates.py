"""Aggregates: the consistency boundary. State folded from events; commands decided on that state. Pure."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from acci.domain.commands import Command, CommandData
from acci.domain.errors import DefinitionError, Refused
from acci.domain.events import Event, EventData, EventMetadata, StreamId, unnamed_subclasses
from acci.domain.personal import personal_fields
from acci.domain.projections.code_digest import reading_of, source_of

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


def evolves(*events: type[EventData]) -> Callable[[F], F]:
    """Mark a method `(self, event: Event[X]) -> Self` as the new state after event X."""

    def mark(method: F) -> F:
        method.__dict__["evolves"] = events
        return method

    return mark


class Aggregate(BaseModel):
    """The state of one aggregate. Every field needs a default: without events the aggregate is `cls()`.

    Events with no `@evolves` method leave the state as it is.

    `terminal`: events after which nothing may happen any more. A decision with further events after one is refused. The
    state must record that a terminal event happened, and later decisions must refuse; the audit `terminal_events` finds
    streams in which they did not.

    `snapshot_every`: a snapshot is due when that many events follow the last one. Old snapshots are ignored once the
    fields, the code of `@evolves` or an upcaster changed. Raise `state_version` if the meaning of the state changed for
    a reason outside the domain's code.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings", ser_json_bytes="base64", val_json_bytes="base64")

    terminal: ClassVar[tuple[type[EventData], ...]] = ()
    snapshot_every: ClassVar[int | None] = None
    state_version: ClassVar[int] = 1
    decisions: ClassVar[dict[type[CommandData], Callable[..., Decision]]] = {}
    evolutions: ClassVar[dict[str, Callable[..., Any]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.decisions, cls.evolutions = dict(cls.decisions), dict(cls.evolutions)
        for name, method in vars(cls).items():
            if hasattr(method, "decides") or hasattr(method, "evolves"):
                _check_name(cls, name)
            if command := getattr(method, "decides", None):
                cls.decisions[command] = method
            for event in getattr(method, "evolves", ()):
                cls.evolutions[event.event_type()] = method
        if reason := unnamed_subclasses(cls.evolving_events()):
            raise DefinitionError(f"Aggregate {cls.__name__}", reason)
        others = [e.event_type() for e in cls.evolving_events() if e.subject is not None and personal_fields(e)]
        if cls.snapshot_every and others:
            reason = (
                f"{', '.join(others)} may hold personal data of another person, which a snapshot would keep; take none."
            )
            raise DefinitionError(f"Aggregate {cls.__name__}", reason)
        for name, field in cls.model_fields.items():
            if field.is_required():
                raise DefinitionError(f"Aggregate {cls.__name__}", f"give its field {name!r} a default.")

    @classmethod
    def aggregate_type(cls) -> str:
        return cls.__name__

    @classmethod
    def evolving_events(cls) -> set[type[EventData]]:
        """The events that the state is folded from."""
        return {event for method in cls.evolutions.values() for event in method.evolves}  # type: ignore[attr-defined]

    @classmethod
    def state_schema(cls) -> str:
        """The version of the state's shape: a snapshot fits if it was saved under the same version.

        It changes with the fields, with the code of `@evolves`, with the events' upcasters, and with `state_version`.
        """
        return _state_schema(cls) if cls.snapshot_every else ""

    def evolve(self, event: Event[EventData]) -> Self:
        """The state after `event`."""
        method = self.evolutions.get(event.event_type)
        return method(self, event) if method else self

    def changed(self, **fields: Any) -> Self:
        """A copy of the state with these fields changed; unlike `model_copy`, it checks their names and types.

        Raises `DefinitionError` for a field that does not exist, or a value that it does not take.
        """
        cls = type(self)
        plain = _plain_fields(cls)
        for name, value in fields.items():
            if plain.get(name) is not type(value):
                break
        else:
            return self.model_copy(update=fields)
        state = self.model_copy()
        try:
            if cls.__pydantic_decorators__.model_validators:  # they check several fields together
                return cls.model_validate({**self.__dict__, **fields})
            for name, value in fields.items():
                cls.__pydantic_validator__.validate_assignment(state, name, value)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, found["loc"])) or "the fields together"
            raise DefinitionError(f"{cls.__name__}.changed", f"{where}: {found['msg']}.") from error
        return state

    @classmethod
    def from_events(cls, events: Iterable[Event[EventData]], start: Self | None = None) -> Self:
        """The state after `events`, in order, from `start` (a snapshot's state) or from nothing."""
        state = cls() if start is None else start
        for event in events:
            state = state.evolve(event)
        return state

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


def _check_name(aggregate: type[Aggregate], method: str) -> None:
    if method in vars(Aggregate):
        reason = f"its method {method!r} would replace one of the base class Aggregate; rename it."
        raise DefinitionError(f"Aggregate {aggregate.__name__}", reason)


_PLAIN = (str, int, bool, UUID, date, datetime)  # without constraints, fields of these take every value as it is


@cache
def _plain_fields(aggregate: type[Aggregate]) -> dict[str, Any]:
    """The fields that take any value of exactly this type; none if the class has validators of its own."""
    checks = aggregate.__pydantic_decorators__
    own = checks.field_validators or checks.model_validators or checks.validators or checks.root_validators
    if own or aggregate.model_config != Aggregate.model_config:
        return {}
    return {
        name: field.annotation
        for name, field in aggregate.model_fields.items()
        if field.annotation in _PLAIN and not field.metadata and not field.frozen
    }


_FORMAT = "2"  # format of stored states: increase it when older snapshots may not round-trip


@cache
def _state_schema(aggregate: type[Aggregate]) -> str:
    fields = json.dumps(aggregate.model_json_schema(mode="serialization"), sort_keys=True)
    folds = sorted(set(map(source_of, aggregate.evolutions.values())))
    readings = sorted(map(reading_of, aggregate.evolving_events()))
    made_by = "\n".join([_FORMAT, fields, *folds, *readings])
    return f"{aggregate.state_version}-{hashlib.sha256(made_by.encode()).hexdigest()[:16]}"
