"""Canonical form: what a command or an event says, as bytes: the same for equal values, others for any other value."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, to_json

_PLAIN = frozenset({str, int, bool, type(None)})


def canonical_form(data: BaseModel) -> bytes:
    """Every field of the actual object counts, beyond its declared type. Raises `ValueError`, `RecursionError`."""
    fields = _fields(data)
    if _PLAIN.issuperset(map(type, fields.values())):
        return to_json(dict(sorted(fields.items())))  # the same bytes in one call: names of fields need no escape
    return _of_dict(fields)


def _fields(model: BaseModel) -> dict[str, Any]:
    fields = {name: model.__dict__[name] for name in type(model).model_fields}
    return fields | model.model_extra if model.model_extra else fields


def _canonical(value: Any) -> bytes:
    """Neither a dict's nor a set's order counts. What JSON has no type for is distinguished from text by its class."""
    if type(value) in _PLAIN:
        return to_json(value)
    if isinstance(value, dict):
        return _of_dict(value)
    if isinstance(value, set | frozenset):
        return b"(" + b",".join(sorted(map(_canonical, value))) + b")"
    if isinstance(value, list | tuple):
        return b"[" + b",".join(map(_canonical, value)) + b"]"
    if type(value) is float and value - value == 0:  # finite
        return to_json(value + 0.0)  # no negative zero
    return b"%s:%s" % (type(value).__name__.encode(), _inside(value))


def _of_dict(value: dict[Any, Any]) -> bytes:
    parts = sorted(_canonical(key) + b":" + _canonical(inner) for key, inner in value.items())
    return b"{" + b",".join(parts) + b"}"


def _inside(value: Any) -> bytes:
    if isinstance(value, BaseModel):
        return _of_dict(_fields(value))
    if isinstance(value, Enum):
        return _canonical(value.value)
    if isinstance(value, SecretStr | SecretBytes):
        return _canonical(value.get_secret_value())
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _moment(value)
    if isinstance(value, Iterator):
        raise PydanticSerializationError("an iterator would be empty when the command is decided")
    return to_json(value, bytes_mode="base64", inf_nan_mode="strings")


def _number(value: Decimal) -> bytes:
    """1.0 is 1.00, and 0 is -0. Python's own normalize would round."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not any(digits):
        return b"0" if value == 0 else str(value).encode()
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    return f"{'-' * sign}{kept}e{exponent + len(text) - len(kept)}".encode()


def _moment(value: datetime) -> bytes:
    try:
        return value.astimezone(UTC).isoformat().encode()
    except OverflowError:
        return value.isoformat().encode()
