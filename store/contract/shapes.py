"""Shapes: a model's JSON as JSON Schema, with the constraints that pydantic's own schema leaves out."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

Shape = dict[str, Any]

_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "max_digits", "decimal_places")
_PROSE = ("title", "description", "examples")


class _Shapes(GenerateJsonSchema):
    """Says the same under every version of pydantic: a decimal is no pattern of digits."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> Shape:
        return {"type": "string", "format": "decimal", **_bounds(schema), **_finite(schema, False)}

    def float_schema(self, schema: core_schema.FloatSchema) -> Shape:
        return {**super().float_schema(schema), **_finite(schema, True)}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> Shape:
        zone = schema.get("tz_constraint")
        return {**super().datetime_schema(schema), **({"zone": str(zone)} if zone else {}), **_bounds(schema)}

    def date_schema(self, schema: core_schema.DateSchema) -> Shape:
        return {**super().date_schema(schema), **_bounds(schema)}


def stored_shape(data: type[BaseModel], *, prose: bool = False) -> Shape:
    """The payload of an event, or a query's row, as it is written; required is what has no default."""
    return _shape(data, "serialization", prose)


def accepted_shape(data: type[BaseModel], *, prose: bool = False) -> Shape:
    """The content that a command or a query accepts."""
    return _shape(data, "validation", prose)


def _shape(data: type[BaseModel], mode: Literal["serialization", "validation"], prose: bool) -> Shape:
    found = data.model_json_schema(mode=mode, schema_generator=_Shapes)
    return found if prose else _without_prose(found)


def properties(shape: Shape) -> dict[str, Shape]:
    """The shape's fields."""
    found: dict[str, Shape] = shape.get("properties", {})
    return found


def resolved(part: object, whole: Shape, within: tuple[str, ...] = ()) -> object:
    """A part of a shape with the definitions in place of references to them; a recursive one is entered once."""
    if isinstance(part, list):
        return [resolved(each, whole, within) for each in part]
    if not isinstance(part, Mapping):
        return part
    if "$ref" in part and part["$ref"] not in within:
        inner = whole["$defs"][part["$ref"].rpartition("/")[2]]
        return resolved(inner, whole, (*within, part["$ref"]))
    return {name: resolved(each, whole, within) for name, each in part.items()}


def _without_prose(shape: Any) -> Any:
    if isinstance(shape, list):
        return [_without_prose(each) for each in shape]
    if not isinstance(shape, dict):
        return shape
    return {
        name: {key: _without_prose(each) for key, each in inner.items()}
        if name in ("properties", "$defs")
        else inner
        if name in ("default", "const", "enum")
        else _without_prose(inner)
        for name, inner in shape.items()
        if name not in _PROSE
    }


def _bounds(schema: Mapping[str, Any]) -> Shape:
    return {name: str(schema[name]) for name in _BOUNDS if name in schema}


def _finite(schema: Mapping[str, Any], otherwise: bool) -> Shape:
    """`finite`, where that is not what the type is without a word."""
    finite = not schema.get("allow_inf_nan", otherwise)
    return {} if finite is not otherwise else {"finite": finite}
