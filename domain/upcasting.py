"""Upcasting: payloads of older schema versions of an event class, read in today's shape.

    class UserCreated(EventData):
        schema_version = 3
        upcasters = (
            Upcaster(1, rename={"mail": "email"}, default={"country": "NL"}),
            Upcaster(2, change={"given_name": before(old("name", str), " ")}, drop=("name",)),
        )

Each upcaster takes a payload one version further; together they bring any older one to today's shape, in Python and as
an expression that SQL can compute. Names are dotted for fields of nested models.
"""

from functools import cache

from acci.domain.errors import DefinitionError
from acci.domain.events import EventData
from acci.domain.expressions.evaluation import value_of
from acci.domain.expressions.event_view import fields
from acci.domain.expressions.functions import when
from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.substitution import replace_fields
from acci.domain.expressions.tree import Call, Constant, Expression, Field, Leaf
from acci.domain.expressions.values import json_text, parse
from acci.domain.upcasters.payload_shapes import Demand
from acci.domain.upcasters.upcaster import Upcaster, WrongShape, old

__all__ = [
    "EVENT_TYPE",
    "Upcaster",
    "WrongShape",
    "at_version",
    "check_upcasters",
    "demands",
    "leaf_of",
    "old",
    "oldest",
    "require_shape",
    "steps",
    "upcast",
]

EVENT_TYPE = ("event_type",)  # the path of that field of every event


def upcast(event: type[EventData], version: int, text: str) -> str:
    """The payload of `version`, as JSON, upcast to today's shape. Raises `ValueError` if that is impossible."""
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
    """For compiling rules on `event`: gives each field of today as an expression over a payload of any schema version.

    Example: CASE WHEN schema_version <= 1 THEN data.mail ELSE data.email END, for `email`.
    """

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
    """The expression over a payload of `version` that gives the field `today`; itself if it did not change."""
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
    """The conditions on a payload of `version`, beside those of today's fields."""
    found: list[Demand] = []
    for step in reversed(steps(event, version)):
        later = (demand._replace(holds=replace_fields(demand.holds, step.source)) for demand in found)
        found = [*step.demands(), *later]
    return tuple(found)


def require_shape(event: type[EventData], version: int, leaf: Leaf) -> None:
    """Raises `WrongShape` unless the payload can be upcast; `leaf(field)` gives its values."""
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


def _described(expression: Expression) -> str:
    return f"{expression.kind.name.lower()}{' or null' if expression.nullable else ''}"
