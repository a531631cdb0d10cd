"""Reactions: what follows from an event outside read models. Pure; with state, a reaction is a process manager.

class WelcomeMail(Reaction):
    name = "welcome_mail"

    @reacts(UserCreated)
    def greet(self, event: Event[UserCreated]) -> Message:
        return Message("mail", {"to": event.data.email, "subject": "Welcome"})
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ClassVar, Literal, TypeVar

from acci.domain.commands import CommandData
from acci.domain.effects import After, Cancel, Effect, Message, Send, StartFlow
from acci.domain.errors import DefinitionError
from acci.domain.events import EventData, RecordedEvent, unnamed_subclasses
from acci.domain.folding import Folded
from acci.domain.personal import personal_fields

F = TypeVar("F", bound=Callable[..., Any])
Start = Literal["head", "beginning"] | int | datetime
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


class TimerFired(EventData):
    """A timer of a reaction came due, and what was set for it happens now. In the reaction's own stream.

    `person`: whose data is in its content, if anybody's.
    """

    name: str
    kind: str
    topic: str
    content: Any
    person: str | None = None


class CommandRefused(EventData):
    """A command that a reaction sent was refused. In the reaction's own stream; `position` is that of its cause."""

    command: str
    reason: str
    position: int
    ordinal: int


OWN_EVENTS: tuple[type[EventData], ...] = (TimerFired, CommandRefused)
_OWN_TYPES = frozenset(event.event_type() for event in OWN_EVENTS)


def reacts(*events: type[EventData]) -> Callable[[F], F]:
    """Mark a method `(self, event: RecordedEvent[X]) -> effect, effects or none` as what follows from event X."""
    _check_marked("reacts", events)

    def mark(method: F) -> F:
        method.__dict__["reacts"] = events
        return method

    return mark


def refused(*commands: type[CommandData]) -> Callable[[F], F]:
    """Mark a method `(self, event: RecordedEvent[CommandRefused])` as what follows if such a command is refused."""
    _check_marked("refused", commands)

    def mark(method: F) -> F:
        method.__dict__["refused"] = commands
        return method

    return mark


def _check_marked(mark: str, named: Sequence[object]) -> None:
    """Refuse `@reacts` without parentheses, which would mark nothing, and what is no class."""
    if not named or not all(isinstance(each, type) for each in named):
        raise DefinitionError(f"@{mark}", f"name classes in it, as in @{mark}({_EXAMPLES[mark]}).")


_EXAMPLES = {"reacts": "OrderPlaced", "refused": "ReserveStock"}


class Reaction(Folded):
    """What follows from events, as methods marked with `@reacts`. Fields and `@evolves` make it a process manager.

    `name`: by which it is known for good, in the database too. `keys`: by event class, the payload field with the key;
    else the key is the aggregate's id. Events of one key are decided in order, on the state that those before, and the
    event itself, have led to; their messages leave in order. Methods must be pure: the same state and event give the
    same effects. An exception makes the event a dead letter, behind which the key waits.

    `begins_at`: where a new one begins: after the last event that is there when it is registered ("head"), at the first
    event ever ("beginning"), after a position, or at a moment.

    `state_version`: raise it if the meaning of the state changed for a reason outside the domain's code.
    """

    _kind: ClassVar[str] = "Reaction"
    _marks: ClassVar[tuple[str, ...]] = ("reacts", "refused", "evolves")
    name: ClassVar[str]
    keys: ClassVar[Mapping[type[EventData], str]] = {}
    begins_at: ClassVar[Start] = "head"
    rules: ClassVar[dict[str, Callable[..., Any]]] = {}  # by event type
    refusals: ClassVar[dict[str, Callable[..., Any]]] = {}  # by command

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.rules, cls.refusals = dict(cls.rules), dict(cls.refusals)
        if own := sorted(_SETTINGS & cls.model_fields.keys()):
            reason = f"its {own[0]} would be a field of its state: write `{own[0]} = …`, or annotate it as a ClassVar."
            raise DefinitionError(f"Reaction {cls.__name__}", reason)
        for method in vars(cls).values():
            for event in getattr(method, "reacts", ()):
                cls._take(cls.rules, event, EventData, method)
            for command in getattr(method, "refused", ()):
                cls._take(cls.refusals, command, CommandData, method)
        if "name" in vars(cls):
            check_reaction(cls)

    @classmethod
    def _take(cls, rules: dict[str, Callable[..., Any]], of: type, kind: type, method: Callable[..., Any]) -> None:
        if not issubclass(of, kind):
            raise DefinitionError(f"Reaction {cls.__name__}", f"{of!r:.100} is no class of {kind.__name__}.")
        taken = rules.get(of.__name__)
        if taken is not None and taken.__qualname__.rpartition(".")[0] == method.__qualname__.rpartition(".")[0]:
            raise DefinitionError(f"Reaction {cls.__name__}", f"two methods react to {of.__name__}; let one do.")
        rules[of.__name__] = method

    @classmethod
    def stream_type(cls) -> str:
        """The aggregate type of its own streams, one a key: of timers that fired and commands that were refused."""
        return cls.__name__

    @classmethod
    def is_stateful(cls) -> bool:
        """Whether it is a process manager."""
        return bool(cls.model_fields)

    @classmethod
    def handles(cls) -> frozenset[type[EventData]]:
        """The events that it decides on, or folds its state from."""
        named = {event for method in cls.rules.values() for event in method.__dict__["reacts"]} | cls.evolving_events()
        return frozenset(named | set(OWN_EVENTS))

    @classmethod
    def concerns(cls, event: RecordedEvent[Any]) -> bool:
        """Whether it handles this event: of those that ACCI itself stores for reactions, only those of its own."""
        return event.event_type not in _OWN_TYPES or event.aggregate_type == cls.stream_type()

    @classmethod
    def key_of(cls, event: RecordedEvent[Any]) -> str:
        """The key of the event. Raises `DefinitionError` if its payload has none."""
        field = cls._key_field(event)
        if field is None:
            return event.aggregate_id
        key = getattr(event.data, field, None)
        if key is None or not str(key):
            raise DefinitionError(f"Reaction {cls.__name__}", f"the {event.event_type} has no {field}, its key.")
        return str(key)

    @classmethod
    def has_key_in_payload(cls, event: RecordedEvent[Any]) -> bool:
        """Whether the key is in the event's payload; else it is the aggregate's id."""
        return cls._key_field(event) is not None

    @classmethod
    def _key_field(cls, event: RecordedEvent[Any]) -> str | None:
        named = None if event.aggregate_type == cls.stream_type() else cls._keys_by_type()
        return named.get(event.event_type) if named else None

    @classmethod
    @cache
    def _keys_by_type(cls) -> dict[str, str]:
        return {event.event_type(): field for event, field in cls.keys.items()}

    def react(self, event: RecordedEvent[Any]) -> tuple[Effect, ...]:
        """What follows from `event`, in order, `self` being the state after it. Raises what the method raises."""
        if isinstance(event.data, CommandRefused):
            method = self.refusals.get(event.data.command)
        else:
            method = self.rules.get(event.event_type)
        return () if method is None else _effects(type(self), method(self, event))


R = TypeVar("R", bound=Reaction)


def _effects(reaction: type[Reaction], decided: Any) -> tuple[Effect, ...]:
    if decided is None:
        return ()
    effects = tuple(decided) if isinstance(decided, Sequence) and not isinstance(decided, str) else (decided,)
    for each in effects:
        if not isinstance(each, (Send, Message, StartFlow, After, Cancel)):
            raise DefinitionError(f"Reaction {reaction.__name__}", f"it decided {each!r:.100}, which is no effect.")
    return effects


_SETTINGS = frozenset({"name", "keys", "begins_at", "rules", "refusals", "state_version"})


def check_reaction(reaction: type[Reaction]) -> None:
    """Raises `DefinitionError` for what cannot work."""
    for problem in (_problem_of_rules, _problem_of_state, _problem_of_keys, _problem_of_start):
        if reason := problem(reaction):
            raise DefinitionError(f"Reaction {reaction.__name__}", reason)


def _problem_of_rules(reaction: type[Reaction]) -> str | None:
    if not NAME.fullmatch(str(reaction.name)):
        return f"its name {reaction.name!r:.100} is not like welcome_mail: a-z, 0-9 and _, 60 characters at most."
    if not reaction.rules and not reaction.refusals:
        return "nothing follows from anything: mark a method with @reacts(SomeEvent)."
    for method in (*reaction.rules.values(), *reaction.refusals.values()):
        if isgeneratorfunction(method) or iscoroutinefunction(method) or isasyncgenfunction(method):
            return f"its {method.__name__} is async, or has a yield: return an effect, or a list of them."
    named = {event for method in reaction.rules.values() for event in method.__dict__["reacts"]}
    if TimerFired in named | reaction.evolving_events():
        return "TimerFired is ACCI's own: let a timer store an event of yours, and react to that."
    if CommandRefused in named:
        return "react to a refused command with @refused(SomeCommand)."
    return unnamed_subclasses(named)


def _problem_of_state(reaction: type[Reaction]) -> str | None:
    if reaction.is_stateful() and not reaction.evolutions:
        return "its fields never change: mark a method with @evolves(SomeEvent), or leave the fields out."
    if reaction.evolutions and not reaction.is_stateful():
        return "it has @evolves and no field that could change."
    return None


def _problem_of_keys(reaction: type[Reaction]) -> str | None:
    given: object = reaction.keys
    if not isinstance(given, Mapping):
        return "its keys are no dict from an event's class to the name of the field with the key."
    for event, field in reaction.keys.items():
        if event not in reaction.handles() - set(OWN_EVENTS):
            return f"it has a key for {getattr(event, '__name__', event)}, which it does not handle."
        if field not in event.model_fields:
            return f"its key {field!r} is no field of {event.__name__}."
        if field in personal_fields(event):
            return f"its key {field!r} of {event.__name__} is personal data, which is erased one day."
    return None


def _problem_of_start(reaction: type[Reaction]) -> str | None:
    start = reaction.begins_at
    if isinstance(start, datetime):
        return "the moment in its begins_at has no time zone." if start.tzinfo is None else None
    is_position = isinstance(start, int) and not isinstance(start, bool) and 0 <= start < 2**63
    if is_position or start in ("head", "beginning"):
        return None
    return f"its begins_at is {start!r:.100}: give 'head', 'beginning', a position or a moment."
