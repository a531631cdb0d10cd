"""Expressions of the rules as SQL expressions over the events table."""

import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import UserDefinedType

from domain.projections.expressions import Call, Constant, Expression, Field
from domain.projections.kinds import Kind
from store.projecting.tables import Column

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
        case Field():
            return _field(expression)
        case Constant():
            return _constant(expression)
        case Call():
            return _CALLS[expression.function](expression, [translate(part) for part in expression.arguments])
    raise TypeError(expression)


def _constant(constant: Constant) -> Element:
    kind, value = TYPES[constant.kind], constant.value
    if value is None:
        return sa.cast(sa.null(), kind)
    if constant.kind is Kind.TEXT:
        return sa.literal(str(value), sa.Text)
    return sa.cast(sa.literal(str(value), sa.Text), kind)


def _field(field: Field) -> Element:
    column: Element = EVENTS.c[field.path[0]]
    if len(field.path) == 1 and field.path[0] not in ("data", "metadata"):
        return sa.cast(column, sa.BigInteger) if field.path[0] == "version" else column
    for name in field.path[1:-1]:
        column = column.op("->", return_type=postgresql.JSONB())(sa.literal(name))
    if field.kind is Kind.JSON:
        whole = column if len(field.path) == 1 else column.op("->", return_type=postgresql.JSONB())(field.path[-1])
        return sa.func.nullif(whole, sa.cast(sa.literal("null"), postgresql.JSONB), type_=postgresql.JSONB())
    text: Element = column.op("->>", return_type=sa.Text())(sa.literal(field.path[-1]))
    if not field.nullable:
        # A payload without a required value is an event that cannot be applied, not a NULL.
        missing = sa.func.acci.missing(EVENTS.c.position, sa.literal(".".join(field.path)), type_=sa.Text())
        text = sa.func.coalesce(text, missing, type_=sa.Text())
    return text if field.kind is Kind.TEXT else sa.cast(text, TYPES[field.kind])


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
    return sa.cast(parts[0], TYPES[call.kind])


def _date_trunc(call: Call, parts: list[Element]) -> Element:
    unit, zone = call.detail
    return sa.func.date_trunc(sa.literal(unit), parts[0], sa.literal(zone), type_=sa.DateTime(timezone=True))


def _local_date(call: Call, parts: list[Element]) -> Element:
    return sa.cast(sa.func.timezone(sa.literal(call.detail[0]), parts[0]), sa.Date)


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
_CALLS: dict[str, Callable[[Call, list[Element]], Element]] = {
    **dict.fromkeys(_OPERATORS, _infix),
    "and": lambda _, parts: sa.and_(*parts).self_group(),
    "or": lambda _, parts: sa.or_(*parts).self_group(),
    "not": lambda _, parts: sa.not_(parts[0].self_group()),
    "is_null": lambda _, parts: parts[0].is_(None).self_group(),
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
