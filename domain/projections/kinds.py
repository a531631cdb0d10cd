"""The kinds of value that a rule can speak about: one per PostgreSQL type, told from an event class's annotations."""

import types
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel


class Kind(StrEnum):
    """A kind of value; the member's value is its PostgreSQL type."""

    TEXT = "text"
    INTEGER = "bigint"
    NUMERIC = "numeric"
    FLOAT = "double precision"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamptz"
    DATE = "date"
    UUID = "uuid"
    JSON = "jsonb"


# bool before int: a bool is an int in Python.
_SCALARS: tuple[tuple[type, Kind], ...] = (
    (bool, Kind.BOOLEAN),
    (int, Kind.INTEGER),
    (Decimal, Kind.NUMERIC),
    (float, Kind.FLOAT),
    (str, Kind.TEXT),
    (datetime, Kind.TIMESTAMP),
    (date, Kind.DATE),
    (UUID, Kind.UUID),
)
NUMBERS = (Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT)


def kind_of_value(value: object) -> Kind | None:
    """The kind of a literal in a rule; None if it has none."""
    if isinstance(value, Enum):
        return kind_of_value(value.value)
    return next((kind for python, kind in _SCALARS if isinstance(value, python)), None)


def kind_of_annotation(annotation: Any) -> tuple[Kind, bool, type[BaseModel] | None]:
    """(kind, may it be None, the nested model) of a field's annotation; a nested model is JSON as a whole."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        optional = len(members) < len(get_args(annotation))
        found = [kind_of_annotation(member) for member in members]
        kinds = {kind for kind, _, _ in found}
        nested = found[0][2] if len(found) == 1 else None
        kind = kinds.pop() if len(kinds) == 1 else Kind.JSON
        return kind, optional or any(null for _, null, _ in found), nested
    if origin is Literal:
        kinds = {kind_of_value(value) or Kind.JSON for value in get_args(annotation)}
        return (kinds.pop() if len(kinds) == 1 else Kind.JSON), False, None
    if not isinstance(annotation, type):
        return Kind.JSON, annotation is Any, None
    if issubclass(annotation, BaseModel):
        return Kind.JSON, False, annotation
    if issubclass(annotation, Enum):
        kinds = {kind_of_value(member) or Kind.JSON for member in annotation}
        return (kinds.pop() if len(kinds) == 1 else Kind.JSON), False, None
    return next((kind for python, kind in _SCALARS if issubclass(annotation, python)), Kind.JSON), False, None
