"""Stored values: the value that a column returns for one that a fold gives it, where Python knows it for certain."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from acci.domain.errors import said
from acci.domain.expressions.values import EXACT, plain
from acci.domain.projections.columns import Column

DEEPEST = 200  # levels of JSON that can be read back
NEEDS_POSTGRESQL = object()  # instead of a value: only PostgreSQL knows what the column returns
_READS = UTC  # the zone of timestamps as they are read from PostgreSQL


class NotStorable(ValueError):
    """A fold returned what its table cannot store, or would give back as something else."""


def in_one_line(error: BaseException) -> str:
    """An error of user code, in one line; of `NotStorable` its sentence."""
    text = said(error)
    if isinstance(error, NotStorable):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def converter(column: Column) -> Callable[[Any], Any]:
    """A function from a value to what the column returns, or to `NEEDS_POSTGRESQL`. It raises `NotStorable`."""
    if column.type in ("json", "jsonb"):
        return _json if column.type == "jsonb" else _json_as_written
    if column.type == "text":
        return _text
    if column.type in _BITS:
        return _integer(_BITS[column.type])
    return _BY_TYPE.get(column.type, lambda _: NEEDS_POSTGRESQL)


_BITS = {"smallint": 16, "integer": 32, "bigint": 64}


def _text(value: Any) -> Any:
    if type(value) is not str:
        return NEEDS_POSTGRESQL
    return value if value.isascii() and "\0" not in value else storable(value)


def storable(text: str) -> str:
    """The text, if PostgreSQL can keep it. Raises `NotStorable`."""
    if "\0" in text:
        raise NotStorable("a text has the character NUL in it, which PostgreSQL cannot keep")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NotStorable("a text has half a character in it (a lone surrogate)") from None
    return text


def _integer(bits: int) -> Callable[[Any], Any]:
    least, end = -(2 ** (bits - 1)), 2 ** (bits - 1)

    def take(value: Any) -> Any:
        if type(value) is not int:
            return NEEDS_POSTGRESQL
        if not least <= value < end:
            raise NotStorable(f"a number is out of range for {bits} bits")
        return value

    return take


def _exactly(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) is kind else NEEDS_POSTGRESQL


def _float(value: Any) -> Any:
    return value if type(value) is float and math.isfinite(value) else NEEDS_POSTGRESQL


def _numeric(value: Any) -> Any:
    return plain(value) if type(value) is Decimal and value.is_finite() else NEEDS_POSTGRESQL


def _timestamp(value: Any) -> Any:
    if type(value) is not datetime or value.tzinfo is None:
        return NEEDS_POSTGRESQL
    return value if value.tzinfo is _READS else value.astimezone(_READS)


_BY_TYPE: dict[str, Callable[[Any], Any]] = {
    "boolean": _exactly(bool),
    "uuid": _exactly(UUID),
    "date": _exactly(date),
    "double precision": _float,
    "numeric": _numeric,
    "timestamp with time zone": _timestamp,
}


def _json(value: Any) -> Any:
    """A value as jsonb returns it: a list for a tuple, names in jsonb's order. Always a deep copy."""
    return _nested(value, 1, True)


def _json_as_written(value: Any) -> Any:
    return _nested(value, 1, False)


def _nested(value: Any, level: int, in_order: bool) -> Any:
    if type(value) is str:
        return storable(value)
    if not isinstance(value, dict | list | tuple):
        return _plain(value, in_order)
    if level > DEEPEST:
        raise NotStorable(f"its JSON has more than {DEEPEST} levels")
    if not isinstance(value, dict):
        return [_nested(inner, level + 1, in_order) for inner in value]
    named = {_name(name): _nested(inner, level + 1, in_order) for name, inner in value.items()}
    return {name: named[name] for name in sorted(named, key=_place)} if in_order and len(named) > 1 else named


def _plain(value: Any, in_order: bool) -> Any:
    """A scalar as a plain JSON type; for an Enum member its value."""
    if value is None or type(value) is bool:
        return value
    if isinstance(value, str):
        return storable(str.__str__(value))
    if isinstance(value, int):
        return _within_digits(int(value))
    if isinstance(value, float):
        return _number(float(value), in_order)
    raise NotStorable(f"a {type(value).__name__} has no form in JSON; give it as text, a number, a list or an object")


def _name(name: Any) -> str:
    if type(name) is str:
        return storable(name)
    if isinstance(name, str):
        return storable(str.__str__(name))
    raise NotStorable(f"the name {name!r} in a JSON object is no text, and would come back as one; write str() of it")


def _place(name: str) -> tuple[int, bytes]:
    spelled = name.encode()
    return len(spelled), spelled


def _within_digits(number: int) -> int:
    if number.bit_length() > 14_000:  # 4,300 digits can be read back
        raise NotStorable("a whole number in its JSON has too many digits")
    return number


def _number(number: float, as_numeric: bool) -> int | float:
    """jsonb writes out all digits, so a large float comes back as an integer; and zero has no sign."""
    if not math.isfinite(number):
        raise NotStorable(f"{number} has no form in JSON")
    if not as_numeric:
        return number
    return number + 0.0 if abs(number) < 1e16 else int(EXACT.create_decimal(repr(number)))
