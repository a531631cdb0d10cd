"""Upcasters: how a payload of an older schema version becomes one of the next. Declared, so that SQL can do it too.

    class UserCreated(EventData):
        schema_version = 3
        upcasters = (
            Upcaster(1, rename={"mail": "email"}, default={"country": "NL"}),
            Upcaster(2, change={"given_name": before(old("name", str), " ")}, drop=("name",)),
        )

Each takes a payload one version further; together they bring any older one to today's shape. Names are dotted for
fields of nested models.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from acci.domain.errors import DefinitionError
from acci.domain.events import EventData
from acci.domain.projections.evaluation import value_of
from acci.domain.projections.expressions import Call, Constant, Expression, Field, Leaf, express
from acci.domain.projections.functions import when
from acci.domain.projections.kinds import Kind, kind_of_annotation
from acci.domain.projections.origins import Origins
from acci.domain.projections.reading import read_json
from acci.domain.projections.shapes import ABSENT, Demand, Put, find
from acci.domain.projections.values import json_of, json_text, parse
from acci.domain.projections.views import fields

EVENT_TYPE = ("event_type",)  # the path of the field of every event


class WrongShape(ValueError):
    """A payload cannot be brought to today's shape."""


def old(name: str, annotation: Any) -> Field:
    """The value under `name` in the older payload, where it is as `annotation` says."""
    kind, nullable, _ = kind_of_annotation(annotation)
    return Field(kind, nullable, ("data", *_path(name)))


@dataclass(frozen=True, eq=False)
class Upcaster:
    """One step: payloads of `version` become payloads of `version + 1`; what is not named stays as it is.

    rename: old name to new name. default: fields that the older version lacks, with their (typed) value. change: a
    field to an expression over the older payload, of `old(…)` and the functions of acci.domain.projections: so it is
    converted, or split. drop: fields that are no more. Models around new fields are made where they are missing.

    An old name that is missing gives nothing; of several that become one field, the last one there does. A payload is
    of no known shape, and its event unreadable and a dead letter, if it has a new name where the old one is missing, or
    null or anything but an object where a field is to be put into a model.
    """

    version: int
    rename: Mapping[str, str] = field(default_factory=dict)
    default: Mapping[str, Any] = field(default_factory=dict)
    change: Mapping[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()

    def apply(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload one version further, in place. Raises `ValueError` for one that is not of the older shape."""
        changed = {name: _computed(express(value), payload) for name, value in self.change.items()}
        moved = [(new, _take(payload, _path(name))) for name, new in self.rename.items()]
        for name in self.drop:
            _take(payload, _path(name))
        there = {new: value for new, value in moved if value is not ABSENT}
        for name, new in self.rename.items():
            if new not in there and find(payload, _path(new)) is not ABSENT:
                raise WrongShape(f"it has no {name}, yet {new}")
        for name, value in (*there.items(), *deepcopy(self._defaults).items(), *changed.items()):
            _put(payload, _path(name), value)
        return payload

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        """What a payload has for each default, parsed."""
        return {name: parse(json_of(value)) for name, value in self.default.items()}

    def source(self, leaf: Field) -> Expression:
        """What gives `leaf`, a field of a payload of `version + 1`, from one of `version`."""
        return self._origins.of(leaf)

    def demands(self) -> Iterator[Demand]:
        """What must hold of a payload of `version`, beside what it must have for its fields."""
        return self._origins.demands()

    @cached_property
    def _origins(self) -> Origins:
        puts = [Put(_path(new), moved=_path(name)) for name, new in self.rename.items()]
        puts += [Put(_path(name), value=value) for name, value in self.default.items()]
        for name, value in self.change.items():
            made = express(value)
            puts.append(Put(_path(name), value=made.value if isinstance(made, Constant) else made))
        return Origins(self.version, [_path(name) for name in (*self.rename, *self.drop)], puts)


def _path(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def upcast(event: type[EventData], version: int, text: str) -> str:
    """The payload of `version`, as JSON, in today's shape. Raises `ValueError` for what cannot be brought there."""
    payload = parse(text)
    if not isinstance(payload, dict):
        raise WrongShape("it is no object")
    for step in steps(event, version):
        payload = step.apply(payload)
    return json_text(payload)


def steps(event: type[EventData], version: int) -> list[Upcaster]:
    """The upcasters from `version` to today's, in order. Raises `WrongShape` if one is missing."""
    known = {upcaster.version: upcaster for upcaster in event.upcasters}
    if version > event.schema_version:
        raise WrongShape(f"its schema version is {version}, and this code knows {event.schema_version} at most")
    missing = [step for step in range(version, event.schema_version) if step not in known]
    if missing:
        raise WrongShape(f"there is no upcaster from its schema version {missing[0]}")
    return [known[step] for step in range(version, event.schema_version)]


def oldest(event: type[EventData]) -> int:
    """The oldest schema version that can be read today."""
    return event.schema_version - len(event.upcasters)


def leaf_of(event: type[EventData]) -> Leaf:
    """For compiling rules on `event`: each field as today's, whatever schema version an event was stored in."""

    stored = Field(Kind.INTEGER, False, ("schema_version",))

    def leaf(today: Field) -> Expression:
        if today.path == EVENT_TYPE and len(event.stored_names()) > 1:
            return Constant(today.kind, today.nullable, event.event_type())
        expression: Expression = today
        for version in sorted((upcaster.version for upcaster in event.upcasters), reverse=True):
            older = at_version(event, version, today)
            newer = expression.arguments[1] if isinstance(expression, Call) else expression
            if repr(older) != repr(newer):
                expression = when(stored <= version, older, expression)
        return expression

    return leaf


def at_version(event: type[EventData], version: int, today: Field) -> Expression:
    """What gives the field `today` from a payload of `version`; itself if nothing about it changed since."""
    if today.path[0] != "data":
        return today
    expression: Expression = today
    for step in reversed(steps(event, version)):
        expression = replace_fields(expression, step.source)
    if expression.kind is not today.kind or (expression.nullable and not today.nullable):
        name = ".".join(today.path[1:])
        wanted, found = (_described(each) for each in (today, expression))
        raise DefinitionError(f"{event.__name__}.{name}", f"it is {wanted}, and from version {version} {found} comes.")
    return expression


@cache
def demands(event: type[EventData], version: int) -> tuple[Demand, ...]:
    """What must hold of a payload of `version`, beside what it must have for today's fields."""
    found: list[Demand] = []
    for step in reversed(steps(event, version)):
        later = (demand._replace(holds=replace_fields(demand.holds, step.source)) for demand in found)
        found = [*step.demands(), *later]
    return tuple(found)


def require_shape(event: type[EventData], version: int, leaf: Leaf) -> None:
    """Raises `WrongShape` unless the payload, whose fields are `leaf(field)`, can be brought to today's shape."""
    for holds, lacking in demands(event, version):
        if not value_of(replace_fields(holds, leaf)):
            raise WrongShape(f"the event has no {lacking}")


def check_upcasters(event: type[EventData]) -> None:
    """Raises `DefinitionError` if the event's upcasters do not fit together or do not lead to its fields."""
    versions = sorted(upcaster.version for upcaster in event.upcasters)
    expected = list(range(event.schema_version - len(versions), event.schema_version))
    if versions != expected or versions[:1] == [0]:
        known = ", ".join(map(str, versions))
        reason = f"its upcasters are from {known}; they must lead, step by step, to {event.schema_version}."
        raise DefinitionError(event.__name__, reason)
    for version in versions:
        for field_of_today in fields(event):
            at_version(event, version, field_of_today)


def replace_fields(expression: Expression, leaf: Leaf) -> Expression:
    """The expression with `leaf(field)` in the place of every field."""
    if isinstance(expression, Field):
        return leaf(expression)
    if isinstance(expression, Call):
        parts = tuple(replace_fields(part, leaf) for part in expression.arguments)
        if all(new is part for new, part in zip(parts, expression.arguments, strict=True)):
            return expression
        return Call(expression.kind, _nullable(expression, parts), expression.function, parts, expression.detail)
    return expression


def _nullable(call: Call, parts: tuple[Expression, ...]) -> bool:
    """Whether the function may be NULL, given such parts."""
    match call.function:
        case "is_null":
            return False
        case "coalesce":
            return all(part.nullable for part in parts)
        case "when":
            return any(part.nullable for part in parts[1:])
    return any(part.nullable for part in parts)


def _computed(expression: Expression, payload: dict[str, Any]) -> Any:
    known = replace_fields(expression, lambda leaf: Constant(leaf.kind, leaf.nullable, read_json(leaf, payload)))
    value = value_of(known)
    return value if expression.kind is Kind.JSON else parse(json_of(value))


def _take(payload: Any, path: Sequence[str]) -> Any:
    """The value at `path`, which is not there afterwards; or ABSENT."""
    holder = find(payload, path[:-1])
    return holder.pop(path[-1], ABSENT) if isinstance(holder, dict) else ABSENT


def _put(payload: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Afterwards `value` is at `path`; objects on the way are made."""
    for name in path[:-1]:
        payload = payload.setdefault(name, {})
        if not isinstance(payload, dict):
            raise WrongShape(f"its {name} is no object")
    payload[path[-1]] = value


def _described(expression: Expression) -> str:
    return f"{expression.kind.name.lower()}{' or null' if expression.nullable else ''}"
