"""State folded from events: what aggregates and reactions have in common. Pure."""

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from acci.domain.errors import DefinitionError
from acci.domain.events import Event, EventData, unnamed_subclasses
from acci.domain.projections.code_digest import reading_of, source_of

F = TypeVar("F", bound=Callable[..., Any])


def evolves(*events: type[EventData]) -> Callable[[F], F]:
    """Mark a method `(self, event: Event[X]) -> Self` as the new state after event X."""

    def mark(method: F) -> F:
        method.__dict__["evolves"] = events
        return method

    return mark


class Folded(BaseModel):
    """A state: its fields, and how events change it. Every field needs a default: without events it is `cls()`.

    Events with no `@evolves` method leave it as it is. `state_version`: raise it if the meaning of the state changed
    for a reason outside the domain's code.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings", ser_json_bytes="base64", val_json_bytes="base64")

    # Underscored: a domain may have fields of these names.
    _kind: ClassVar[str] = "Aggregate"  # what errors call it
    _marks: ClassVar[tuple[str, ...]] = ("evolves",)  # of methods that may not replace one of the base class
    state_version: ClassVar[int] = 1
    evolutions: ClassVar[dict[str, Callable[..., Any]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.evolutions = dict(cls.evolutions)
        for name, method in vars(cls).items():
            if any(hasattr(method, mark) for mark in cls._marks):
                cls._check_method(name)
            for event in getattr(method, "evolves", ()):
                cls.evolutions[event.event_type()] = method
        if reason := unnamed_subclasses(cls.evolving_events()):
            raise DefinitionError(f"{cls._kind} {cls.__name__}", reason)
        for name, field in cls.model_fields.items():
            if field.is_required():
                raise DefinitionError(f"{cls._kind} {cls.__name__}", f"give its field {name!r} a default.")

    @classmethod
    def _check_method(cls, method: str) -> None:
        if any(method in vars(each) for each in cls.__mro__[1:] if each.__module__ in _OURS):
            reason = f"its method {method!r} would replace one of the base class {cls._kind}; rename it."
            raise DefinitionError(f"{cls._kind} {cls.__name__}", reason)

    @classmethod
    def evolving_events(cls) -> set[type[EventData]]:
        """The events that the state is folded from."""
        return {event for method in cls.evolutions.values() for event in method.evolves}  # type: ignore[attr-defined]

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


_OURS = ("acci.domain.folding", "acci.domain.aggregates", "acci.domain.reactions")
_PLAIN = (str, int, bool, UUID, date, datetime)  # without constraints, fields of these take every value as it is


@cache
def _plain_fields(folded: type[Folded]) -> dict[str, Any]:
    """The fields that take any value of exactly this type; none if the class has validators of its own."""
    checks = folded.__pydantic_decorators__
    own = checks.field_validators or checks.model_validators or checks.validators or checks.root_validators
    if own or folded.model_config != Folded.model_config:
        return {}
    return {
        name: field.annotation
        for name, field in folded.model_fields.items()
        if field.annotation in _PLAIN and not field.metadata and not field.frozen
    }


_FORMAT = "2"  # format of stored states: increase it when older snapshots may not round-trip


@cache
def state_schema_of(folded: type[Folded]) -> str:
    """The version of the state's shape: a stored state fits if it was saved under the same version.

    It changes with the fields, with the code of `@evolves`, with the events' upcasters, and with `state_version`.
    """
    fields = json.dumps(folded.model_json_schema(mode="serialization"), sort_keys=True)
    folds = sorted(set(map(source_of, folded.evolutions.values())))
    readings = sorted(map(reading_of, folded.evolving_events()))
    made_by = "\n".join([_FORMAT, fields, *folds, *readings])
    return f"{folded.state_version}-{hashlib.sha256(made_by.encode()).hexdigest()[:16]}"
