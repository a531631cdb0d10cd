"""SQL types: of the values in rules, and of a read model's columns."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import UserDefinedType

from acci.domain.expressions.kinds import Kind
from acci.domain.projections.columns import Column

Element = ColumnElement[Any]

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


# A PostgreSQL domain whose check refuses what is beyond the calendar of Python and of most clients.
_WITHIN_CALENDAR = {Kind.TIMESTAMP: ColumnType("acci.moment"), Kind.DATE: ColumnType("acci.day")}


def in_type_of(column: Column, value: Element) -> Element:
    """The value cast to the column's type. Not to a character type: a cast would cut a text that is too long."""
    return value if column.is_character else sa.cast(value, ColumnType(column.type))


def default_of(column: Column) -> Element:
    """The column's default, of its type."""
    return sa.cast(sa.null() if column.default is None else sa.literal(column.default), ColumnType(column.type))


def within_calendar(kind: Kind, value: Element) -> Element:
    """The value as one of `kind`; a timestamp or date fails unless its year is from 1 to 9999."""
    checked = _WITHIN_CALENDAR.get(kind)
    return sa.cast(value if checked is None else sa.cast(value, checked), TYPES[kind])


def as_text(value: Element) -> Element:
    return sa.cast(value, sa.Text)


def bytewise(value: Element) -> Element:
    """Text compared by code point, under any collation of the database."""
    return sa.collate(value, "C")
