"""Expressions: a small, closed set of computations on an event's values, with one meaning in SQL and in Python.

A rule never sees plain Python values: its event has expressions as attributes, symbols when the rule is compiled and
constants when the reference engine runs it. So what cannot be compiled fails when the projection is defined.

    event.data.price * event.data.count      Call("*", (Field(data.price), Field(data.count)))
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from acci.domain.expressions.kinds import Kind, kind_of_value
from acci.domain.expressions.symbols import Symbol, refuse
from acci.domain.expressions.values import json_of, parse, plain, whole


@dataclass(frozen=True, eq=False)
class Expression(Symbol):
    """A value of `kind`; `nullable` says whether it may be NULL (None)."""

    kind: Kind
    nullable: bool

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        refuse(f".{name} on an event's value", "use the functions of acci.domain.projections: lower(), cast() …")

    def __add__(self, other: object) -> "Expression":
        return arithmetic("+", self, other)

    def __radd__(self, other: object) -> "Expression":
        return arithmetic("+", other, self)

    def __sub__(self, other: object) -> "Expression":
        return arithmetic("-", self, other)

    def __rsub__(self, other: object) -> "Expression":
        return arithmetic("-", other, self)

    def __mul__(self, other: object) -> "Expression":
        return arithmetic("*", self, other)

    def __rmul__(self, other: object) -> "Expression":
        return arithmetic("*", other, self)

    def __neg__(self) -> "Expression":
        return arithmetic("-", 0, self)

    def __eq__(self, other: object) -> "Expression":  # type: ignore[override]
        return comparison("=", self, other)

    def __ne__(self, other: object) -> "Expression":  # type: ignore[override]
        return comparison("<>", self, other)

    def __lt__(self, other: object) -> "Expression":
        return comparison("<", self, other)

    def __le__(self, other: object) -> "Expression":
        return comparison("<=", self, other)

    def __gt__(self, other: object) -> "Expression":
        return comparison(">", self, other)

    def __ge__(self, other: object) -> "Expression":
        return comparison(">=", self, other)

    def __and__(self, other: object) -> "Expression":
        return logic("and", self, other)

    def __or__(self, other: object) -> "Expression":
        return logic("or", self, other)

    def __invert__(self) -> "Expression":
        return logic("not", self)

    __hash__ = Symbol.__hash__


@dataclass(frozen=True)
class Step:
    """A name on a field's path: whether its value may be JSON's null, and the default, as JSON, where it is missing.

    Without a default, an event that lacks it cannot be applied.
    """

    optional: bool
    default: str | None


@dataclass(frozen=True, eq=False)
class Field(Expression):
    """A value taken from the event: `path` is ("data", "email"), ("metadata", "user_id") or ("timestamp",).

    `steps` has one for each name below data or metadata; without them a missing value is NULL if it may be.
    """

    path: tuple[str, ...]
    steps: tuple[Step, ...] = ()


class Shape(Field):
    """The JSON type at `path`: "object", "array", "string", "number", "boolean" or "null"; NULL if nothing is there."""


@dataclass(frozen=True, eq=False)
class Constant(Expression):
    """A value known now: a literal in a rule, or an event's own value when the reference engine runs."""

    value: Any


@dataclass(frozen=True, eq=False)
class Missing(Expression):
    """A value that an event lacks but must have: an event whose row depends on it cannot be applied."""

    reason: str


# The literal None, which fits any kind.
NULL = Constant(Kind.TEXT, True, None)


@dataclass(frozen=True, eq=False)
class Call(Expression):
    """A function of the closed set applied to `arguments`; `detail` has constants such as a unit or time zone."""

    function: str
    arguments: tuple[Expression, ...]
    detail: tuple[str, ...] = ()


def express(value: object) -> Expression:
    """A literal as an expression; an expression as it is."""
    if isinstance(value, Expression):
        return value
    if callable(as_expression := getattr(value, "as_expression", None)):
        expression: Expression = as_expression()
        return expression
    if value is None:
        return NULL
    kind = kind_of_value(value)
    if kind is None:
        refuse(f"the value {value!r}", "a literal is a str, int, Decimal, float, bool, datetime, date, UUID or None.")
    return Constant(kind, False, _literal(getattr(value, "value", value)))


def express_json(value: object) -> Constant:
    """A literal as the JSON that a payload has for it: a list, a dict, a model, bytes or a time."""
    try:
        text = json_of(value)
    except ValueError as error:
        refuse(f"the value {value!r}", f"it has no JSON: {error}.")
    if _NUL_IN_JSON.search(text):
        refuse(f"the value {value!r}", "PostgreSQL holds no NUL in a text.")
    return Constant(Kind.JSON, False, parse(text))


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")


def _literal(value: Any) -> Any:
    """The value as PostgreSQL would hold it."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            refuse(f"the timestamp {value!r}", "give it a time zone, such as tzinfo=UTC.")
        return value.astimezone(UTC)
    if isinstance(value, str) and _UNSTORABLE.search(value):
        refuse(f"the text {value!r}", "PostgreSQL holds neither NUL nor half a surrogate pair.")
    try:
        if isinstance(value, Decimal):
            return plain(value)
        return value if isinstance(value, bool) or not isinstance(value, int) else whole(value)
    except ValueError as error:
        refuse(f"the number {value}", f"{error}.")


def common_kind(what: str, expressions: tuple[Expression, ...]) -> Kind:
    kinds = {expression.kind for expression in expressions if expression is not NULL}
    if kinds == {Kind.INTEGER, Kind.NUMERIC}:
        return Kind.NUMERIC
    if len(kinds) > 1:
        listed = " and ".join(sorted(kind.phrase for kind in kinds))
        refuse(what, f"it mixes {listed}; give all one type with cast().")
    return kinds.pop() if kinds else Kind.TEXT


def _of_kind(kind: Kind, expression: Expression) -> Expression:
    return Constant(kind, True, None) if expression is NULL else expression


def arithmetic(operator: str, left: object, right: object) -> Expression:
    """Sum, difference or product of numbers; NULL if either is. Division has no exact scale and is not offered."""
    pair = (express(left), express(right))
    kind = common_kind(f"`{operator}`", pair)
    pair = (_of_kind(kind, pair[0]), _of_kind(kind, pair[1]))
    if kind not in (Kind.INTEGER, Kind.NUMERIC):
        refuse(f"`{operator}` on {kind.phrase}", "it takes integers and decimals; join text with concat().")
    return Call(kind, any(part.nullable for part in pair), operator, pair)


def comparison(operator: str, left: object, right: object) -> Expression:
    """A comparison as in SQL: NULL if either side is NULL. Text compares by code point."""
    pair = (express(left), express(right))
    if any(part is NULL for part in pair):
        refuse(f"`{operator} None`", "it is never true; write is_null(value).")
    kind = common_kind(f"`{operator}`", pair)
    if kind == Kind.JSON:
        refuse(f"`{operator}` on a nested value", "compare one of its fields.")
    return Call(Kind.BOOLEAN, any(part.nullable for part in pair), operator, pair)


def logic(operator: str, *parts: object) -> Expression:
    """Three-valued and, or, not, as in SQL."""
    conditions = tuple(express(part) for part in parts)
    if any(condition.kind != Kind.BOOLEAN for condition in conditions):
        refuse(f"`{operator}`", "it joins conditions; compare the value with something first.")
    return Call(Kind.BOOLEAN, any(condition.nullable for condition in conditions), operator, conditions)


Leaf = Callable[[Field], Expression]  # what replaces a field: itself, another expression, or a value
