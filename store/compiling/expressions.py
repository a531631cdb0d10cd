"""Expressions of the rules as SQL expressions over a source of events."""

import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.tree import Call, Constant, Expression, Field, Shape
from acci.domain.expressions.values import SPELLED, json_text
from acci.store.compiling.column_types import TYPES, Element, bytewise, within_calendar
from acci.store.compiling.payload_fields import field_value, json_at, json_type_at


def translate(expression: Expression, events: sa.FromClause) -> Element:
    """The SQL of `expression`, of its kind's type, whose fields are those of `events`."""
    match expression:
        case Shape():
            return json_type_at(expression, events)
        case Field():
            return field_value(expression, events)
        case Constant():
            return _constant(expression)
        case Call(function="is_null", arguments=(Shape() as shape,)):
            return Grouping(json_at(shape, events).is_(None))
        case Call():
            called = _CALLS[expression.function](expression, [translate(part, events) for part in expression.arguments])
            # In parentheses, since SQLAlchemy takes NOT a < b for (NOT a) < b, and a * (b * c) for a * b * c, whose
            # parts are of other types and so overflow elsewhere.
            return Grouping(called) if expression.function in _GROUPED else called
    raise TypeError(expression)


def _constant(constant: Constant) -> Element:
    kind, value = TYPES[constant.kind], constant.value
    if value is None:
        return sa.cast(sa.null(), kind)
    if constant.kind is Kind.TEXT:
        return sa.literal(str(value), sa.Text)
    return sa.cast(sa.literal(json_text(value) if constant.kind is Kind.JSON else str(value), sa.Text), kind)


def _infix(call: Call, parts: list[Element]) -> Element:
    left, right = parts
    if call.kind is Kind.BOOLEAN and {part.kind for part in call.arguments} == {Kind.TEXT}:
        left = bytewise(left)
    applied: Element = _OPERATORS[call.function](left, right)
    return applied


def _when(call: Call, parts: list[Element]) -> Element:
    kind = TYPES[call.kind]
    return sa.case((parts[0], sa.cast(parts[1], kind)), else_=sa.cast(parts[2], kind))


def _coalesce(call: Call, parts: list[Element]) -> Element:
    kind = TYPES[call.kind]
    return sa.func.coalesce(*(sa.cast(part, kind) for part in parts), type_=kind)


def _cast(call: Call, parts: list[Element]) -> Element:
    source = Kind[call.detail[0]]
    if call.kind is Kind.INTEGER and source is Kind.BOOLEAN:
        return sa.cast(sa.cast(parts[0], sa.Integer), sa.BigInteger)
    if source is Kind.TEXT and call.kind is not Kind.TEXT:
        # What more PostgreSQL would read, such as 0x1F or 1_000, depends on its version.
        spelled = parts[0].op("~", return_type=sa.Boolean())(sa.literal(f"^{SPELLED[call.kind]}$"))
        refused = sa.literal("no digits: ").op("||", return_type=sa.Text())(parts[0])
        return sa.cast(sa.case((spelled, parts[0]), else_=refused), TYPES[call.kind])
    return sa.cast(parts[0], TYPES[call.kind])


def _date_trunc(call: Call, parts: list[Element]) -> Element:
    unit, zone = call.detail
    return within_calendar(Kind.TIMESTAMP, sa.func.date_trunc(sa.literal(unit), parts[0], sa.literal(zone)))


def _local_date(call: Call, parts: list[Element]) -> Element:
    return within_calendar(Kind.DATE, sa.cast(sa.func.timezone(sa.literal(call.detail[0]), parts[0]), sa.Date))


def _concat(_: Call, parts: list[Element]) -> Element:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.op("||", return_type=sa.Text())(part)
    return joined.self_group()


def _before(_: Call, parts: list[Element]) -> Element:
    return sa.func.split_part(*parts, 1, type_=sa.Text())


def _after(_: Call, parts: list[Element]) -> Element:
    text, separator = parts
    place = sa.func.strpos(text, separator)
    rest = sa.func.substr(text, place + sa.func.length(separator), type_=sa.Text())
    return sa.case((place > 0, rest), (text.is_not(None), sa.literal("")))


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_GROUPED = {*_OPERATORS, "and", "or", "not", "is_null"}
_CALLS: dict[str, Callable[[Call, list[Element]], Element]] = {
    **dict.fromkeys(_OPERATORS, _infix),
    "and": lambda _, parts: sa.and_(*parts),
    "or": lambda _, parts: sa.or_(*parts),
    "not": lambda _, parts: sa.not_(parts[0]),
    "is_null": lambda _, parts: parts[0].is_(None),
    "when": _when,
    "coalesce": _coalesce,
    "lower": lambda _, parts: sa.func.lower(bytewise(parts[0]), type_=sa.Text()),
    "concat": _concat,
    "cast": _cast,
    "before": _before,
    "after": _after,
    "date_trunc": _date_trunc,
    "local_date": _local_date,
}
