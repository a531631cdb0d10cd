"""Expressions of the rules as SQL expressions over the events table."""

import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement, Grouping
from sqlalchemy.types import UserDefinedType

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.stored_fields import read_json
from acci.domain.expressions.tree import Call, Constant, Expression, Field, Shape
from acci.domain.expressions.values import SPELLED, json_text, parse
from acci.domain.projections.columns import Column

Element = ColumnElement[Any]

EVENTS = sa.table(
    "events",
    sa.column("position", sa.BigInteger),
    sa.column("timestamp", sa.DateTime(timezone=True)),
    sa.column("recorded_at", sa.DateTime(timezone=True)),
    sa.column("id", postgresql.UUID),
    sa.column("version", sa.Integer),
    sa.column("schema_version", sa.Integer),
    sa.column("tenant_id", sa.Text),
    sa.column("aggregate_type", sa.Text),
    sa.column("aggregate_id", sa.Text),
    sa.column("event_type", sa.Text),
    sa.column("data", postgresql.JSONB),
    sa.column("metadata", postgresql.JSONB),
    schema="acci",
)

TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    Kind.TEXT: sa.Text(),
    Kind.INTEGER: sa.BigInteger(),
    Kind.NUMERIC: sa.Numeric(),
    Kind.FLOAT: sa.Double(),
    Kind.BOOLEAN: sa.Boolean(),
    Kind.TIMESTAMP: sa.DateTime(timezone=True),
    Kind.DATE: sa.Date(),
    Kind.UUID: postgresql.UUID(),
    Kind.JSON: postgresql.JSONB(),
}


class ColumnType(UserDefinedType[Any]):
    """A column's type by the name that PostgreSQL gives it, such as `numeric(12,2)`."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


# What is beyond the calendar of Python and of most clients is refused by a domain's check.
_WITHIN_CALENDAR = {Kind.TIMESTAMP: ColumnType("acci.moment"), Kind.DATE: ColumnType("acci.day")}

JSON_NULL = sa.cast(sa.literal("null"), postgresql.JSONB)


def in_type_of(column: Column, value: Element) -> Element:
    """The value cast to the column's type. Not to a character type: a cast would cut a text that is too long."""
    return value if column.is_character else sa.cast(value, ColumnType(column.type))


def default_of(column: Column) -> Element:
    """The column's default, of its type."""
    return sa.cast(sa.null() if column.default is None else sa.literal(column.default), ColumnType(column.type))


def as_text(value: Element) -> Element:
    return sa.cast(value, sa.Text)


def bytewise(value: Element) -> Element:
    """Text compared by code point, whatever the database's collation."""
    return sa.collate(value, "C")


def translate(expression: Expression) -> Element:
    """The SQL of `expression`, of its kind's type."""
    match expression:
        case Shape():
            return _shape(expression)
        case Field():
            return _field(expression)
        case Constant():
            return _constant(expression)
        case Call():
            called = _CALLS[expression.function](expression, [translate(part) for part in expression.arguments])
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


def _field(field: Field) -> Element:
    column: Element = EVENTS.c[field.path[0]]
    if field.path[0] not in ("data", "metadata"):
        return sa.cast(column, sa.BigInteger) if field.path[0] == "version" else column
    if len(field.path) == 1:
        return column
    within = [column]
    for name in field.path[1:-1]:
        within.append(_part(within[-1], name))
    last = field.path[-1]
    found = _part(within[-1], last, "->" if field.kind is Kind.JSON else "->>")
    if field.kind is Kind.JSON:
        found = sa.func.nullif(found, JSON_NULL, type_=postgresql.JSONB())
    # What is not there is rare: only then is it asked why, so that what is there costs nothing more.
    instead = _instead(field, within)
    if instead is not None:
        found = sa.func.coalesce(found, instead, type_=found.type)
    return found if field.kind is Kind.TEXT else _within_calendar(field.kind, found)


def _within_calendar(kind: Kind, value: Element) -> Element:
    """The value as one of `kind`; a moment or day refused that is in no year from 1 to 9999."""
    checked = _WITHIN_CALENDAR.get(kind)
    return sa.cast(value if checked is None else sa.cast(value, checked), TYPES[kind])


def _shape(shape: Shape) -> Element:
    return sa.func.jsonb_typeof(_at(shape), type_=sa.Text())


def _at(shape: Shape) -> Element:
    found: Element = EVENTS.c[shape.path[0]]
    for name in shape.path[1:]:
        found = _part(found, name)
    return found


def _is_null(call: Call, parts: list[Element]) -> Element:
    asked = call.arguments[0]
    return _at(asked).is_(None) if isinstance(asked, Shape) else parts[0].is_(None)


def _part(whole: Element, name: str, operator: str = "->") -> Element:
    kind = postgresql.JSONB() if operator == "->" else sa.Text()
    return whole.op(operator, return_type=kind)(sa.literal(name))


def _instead(field: Field, within: list[Element]) -> Element | None:
    """What stands in where the field's value is NULL: a default, or the refusal of the event; None for NULL itself."""
    missing: Element = sa.func.acci.missing(EVENTS.c.position, sa.literal(".".join(field.path)), type_=sa.Text())
    if field.kind is Kind.JSON:
        missing = sa.cast(missing, postgresql.JSONB)
    if not field.steps:
        return None if field.nullable else missing
    instead: Element | None = None
    for place, (name, step) in reversed(list(enumerate(zip(field.path[1:], field.steps, strict=True)))):
        absent = _default(field, place, missing)
        null = None if step.optional else missing
        inner = instead if place < len(field.steps) - 1 else null
        if absent is null and null is inner:
            instead = inner
            continue
        whens: list[tuple[Element, Element]] = [
            (sa.not_(within[place].op("?", return_type=sa.Boolean())(sa.literal(name))), _or_null(absent))
        ]
        if null is not inner:
            whens.append((_part(within[place], name) == JSON_NULL, _or_null(null)))
        instead = sa.case(*whens, else_=_or_null(inner))
    return instead


def _default(field: Field, place: int, missing: Element) -> Element | None:
    """What a payload without the name at `place` of the field's path has there."""
    step = field.steps[place]
    if step.default is None:
        return missing
    standing_in = parse(step.default)
    if standing_in is None:
        return None
    try:
        below = Field(Kind.JSON, field.nullable, ("", *field.path[place + 2 :]), field.steps[place + 1 :])
        value = read_json(below, standing_in)
    except ValueError:
        return missing
    if value is None:
        return None
    if field.kind is Kind.JSON:
        return sa.cast(sa.literal(json_text(value)), postgresql.JSONB)
    return sa.literal(value if isinstance(value, str) else json_text(value), sa.Text)


def _or_null(value: Element | None) -> Element:
    return sa.null() if value is None else value


def _infix(call: Call, parts: list[Element]) -> Element:
    left, right = parts
    if call.kind is Kind.BOOLEAN and {part.kind for part in call.arguments} == {Kind.TEXT}:
        left = bytewise(left)
    applied: Element = _OPERATORS[call.function](left, right)
    return applied


def _when(call: Call, parts: list[Element]) -> Element:
    kind = TYPES[call.kind]
    return sa.case((parts[0], sa.cast(parts[1], kind)), else_=sa.cast(parts[2], kind))


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
    return _within_calendar(Kind.TIMESTAMP, sa.func.date_trunc(sa.literal(unit), parts[0], sa.literal(zone)))


def _local_date(call: Call, parts: list[Element]) -> Element:
    return _within_calendar(Kind.DATE, sa.cast(sa.func.timezone(sa.literal(call.detail[0]), parts[0]), sa.Date))


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
    "is_null": _is_null,
    "when": _when,
    "coalesce": lambda call, parts: sa.func.coalesce(
        *(sa.cast(part, TYPES[call.kind]) for part in parts), type_=TYPES[call.kind]
    ),
    "lower": lambda _, parts: sa.func.lower(bytewise(parts[0]), type_=sa.Text()),
    "concat": _concat,
    "cast": _cast,
    "before": _before,
    "after": _after,
    "date_trunc": _date_trunc,
    "local_date": _local_date,
}
