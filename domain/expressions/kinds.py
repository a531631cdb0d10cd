"""The kinds of value in rules: one for each PostgreSQL type, derived from the annotations of event classes."""

import types
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, RootModel, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError


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

    @property
    def phrase(self) -> str:
        """The kind in an error message, such as "an integer"."""
        return _PHRASES[self]


_PHRASES: dict[Kind, str] = {
    Kind.TEXT: "text",
    Kind.INTEGER: "an integer",
    Kind.NUMERIC: "a decimal",
    Kind.FLOAT: "a float",
    Kind.BOOLEAN: "a condition",
    Kind.TIMESTAMP: "a timestamp",
    Kind.DATE: "a date",
    Kind.UUID: "a UUID",
    Kind.JSON: "a nested value",
}

# bool before int: a bool is an int in Python; datetime before date likewise.
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
_BY_JSON_TYPE = {"integer": Kind.INTEGER, "number": Kind.FLOAT, "string": Kind.TEXT, "boolean": Kind.BOOLEAN}
_BY_JSON_FORMAT = {"date-time": Kind.TIMESTAMP, "date": Kind.DATE, "uuid": Kind.UUID}


class Described(NamedTuple):
    """The meaning of an annotation: the kind, whether None is allowed, and the nested model, if it is one."""

    kind: Kind
    optional: bool
    model: type[BaseModel] | None = None


def kind_of_value(value: object) -> Kind | None:
    """The kind of a literal in a rule; None if it has none."""
    if isinstance(value, Enum):
        return kind_of_value(value.value)
    return next((kind for python, kind in _SCALARS if isinstance(value, python)), None)


def kind_of_annotation(annotation: Any) -> Described:
    """The kind of a field with this annotation; a nested model or a list is JSON as a whole."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind_of_annotation(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        found = [kind_of_annotation(member) for member in members]
        optional = len(members) < len(get_args(annotation)) or any(each.optional for each in found)
        return Described(_one_of(each.kind for each in found), optional, found[0].model if len(found) == 1 else None)
    if origin is Literal:
        values = [value for value in get_args(annotation) if value is not None]
        return Described(_one_of(kind_of_value(value) for value in values), len(values) < len(get_args(annotation)))
    if annotation is Any:
        return Described(Kind.JSON, True)
    if isinstance(annotation, type) and origin is None:
        return _describe_type(annotation)
    behind = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
    return _describe_stored(annotation) if behind is None else kind_of_annotation(behind)


def _describe_type(annotation: type) -> Described:
    if issubclass(annotation, RootModel):
        return kind_of_annotation(annotation.model_fields["root"].annotation)
    if issubclass(annotation, BaseModel):
        return Described(Kind.JSON, False, annotation)
    if issubclass(annotation, Enum):
        return Described(_one_of(kind_of_value(member) for member in annotation), False)
    kind = next((kind for python, kind in _SCALARS if issubclass(annotation, python)), None)
    return _describe_stored(annotation) if kind is None else Described(kind, False)


def _describe_stored(annotation: Any) -> Described:
    """The kind of the JSON that pydantic stores for it: text for bytes, times and IP addresses, for example."""
    try:
        schema = TypeAdapter(annotation).json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticUserError):
        return Described(Kind.JSON, False)
    kind = _BY_JSON_FORMAT.get(schema.get("format", "")) or _BY_JSON_TYPE.get(schema.get("type", ""))
    return Described(kind or Kind.JSON, False)


def _one_of(kinds: Any) -> Kind:
    """The kind that all share; else JSON."""
    found = set(kinds)
    kind = found.pop() if len(found) == 1 else None
    return kind or Kind.JSON
