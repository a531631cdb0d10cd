"""Values as PostgreSQL has them: read from JSON and text, written as text, ordered, computed exactly.

A value of a kind is a str, int, Decimal, float, bool, datetime in UTC, date, UUID or parsed JSON; NULL is None.
What PostgreSQL refuses raises `ValueError`.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from acci.domain.expressions.kinds import Kind

# As many digits as PostgreSQL's numeric may have; NaN and infinities behave as they do there, without traps.
EXACT = Context(prec=150_000, Emax=200_000, Emin=-200_000, rounding=ROUND_HALF_UP, traps=[])
DIGITS_BEFORE_POINT, DIGITS_BEHIND = 131_072, 16_383

# Regular expressions, in PostgreSQL too, for a number's digits, with or without blanks around them.
SPELLED = {
    Kind.INTEGER: r"[ \t\n\r\f\v]*[+-]?[0-9]+[ \t\n\r\f\v]*",
    Kind.NUMERIC: r"[ \t\n\r\f\v]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\r\f\v]*",
}
_NOT_FINITE = re.compile(r"\s*([+-]?inf(inity)?|nan)\s*", re.IGNORECASE | re.ASCII)
_UUID = re.compile(r"[0-9a-f]{4}(-?[0-9a-f]{4}){7}", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse(text: str | bytes) -> Any:
    """The JSON in `text`, numbers exact."""
    return json.loads(text, parse_float=lambda number: plain(Decimal(number)))


def from_json(kind: Kind, value: Any) -> Any:
    """A value of `kind` from parsed JSON, as PostgreSQL's `->>` and a cast give it."""
    if value is None or kind is Kind.JSON:
        return value
    return from_text(kind, value if isinstance(value, str) else json_text(value))


def from_text(kind: Kind, text: str) -> Any:
    """A value of `kind` from its text."""
    return _READ[kind](text)


def to_text(value: Any) -> str:
    """The text that PostgreSQL gives for a value when it is cast to text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def key_text(part: Any) -> str:
    """The text that PostgreSQL gives for a part of a key, timestamps in UTC."""
    if isinstance(part, datetime):
        text = part.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
        return f"{text.rstrip('0') if '.' in text else text}+00"
    return to_text(part)


def key_texts(key: Sequence[Any]) -> tuple[str | None, ...]:
    """The key with each part as PostgreSQL's text; None for NULL."""
    return tuple([None if part is None else key_text(part) for part in key])


def json_text(value: Any) -> str:
    """The text of a JSON value as PostgreSQL's jsonb gives it: short keys first, each once."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: (len(pair[0].encode()), pair[0].encode()))
        return "{" + ", ".join(f"{json_text(name)}: {json_text(inner)}" for name, inner in pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(json_text(inner) for inner in value) + "]"
    return to_text(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def json_type(value: Any) -> str:
    """The JSON type of a parsed value, by PostgreSQL's name for it."""
    if value is None:
        return "null"
    named = {dict: "object", list: "array", str: "string", bool: "boolean"}
    return named.get(type(value), "number")


def json_of(value: Any) -> str:
    """The JSON that a payload has for a Python value; sets are sorted, so that every process gives the same JSON."""
    return to_json(_in_order(value), inf_nan_mode="strings", bytes_mode="base64").decode()


def _in_order(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        items = [_in_order(item) for item in value]
        try:
            return sorted(items)
        except TypeError:  # of several types, or of one without an order
            return sorted(items, key=json_of)
    if isinstance(value, dict):
        return {name: _in_order(inner) for name, inner in value.items()}
    return [_in_order(inner) for inner in value] if type(value) in {list, tuple} else value


def order(value: Any) -> Any:
    """The sort key of a value: NaN equals itself and is greater than any number, as in PostgreSQL."""
    if isinstance(value, float | Decimal):
        return (True, 0) if value != value else (False, value)  # noqa: PLR0124 only NaN differs from itself
    return (False, value)


def whole(number: int) -> int:
    """The number, if 64 bits hold it."""
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} is out of range for bigint")
    return number


def plain(number: Decimal) -> Decimal:
    """The number as numeric holds it: no negative zero, no exponent above zero, so 1E+3 is 1000."""
    if not number.is_finite():
        return number
    exponent = int(number.as_tuple().exponent)
    if number.adjusted() >= DIGITS_BEFORE_POINT or exponent < -DIGITS_BEHIND:
        raise ValueError("the value overflows numeric")
    if exponent > 0:
        number = number.quantize(Decimal(1), context=EXACT)
    return number.copy_abs() if number.is_zero() else number


def rounded(number: Decimal, scale: int) -> Decimal:
    """The number with `scale` digits after the point, half away from zero."""
    return plain(number.quantize(Decimal(1).scaleb(-scale), context=EXACT)) if number.is_finite() else number


def spelled(kind: Kind, text: str) -> int | Decimal:
    """The number that `text` spells in digits."""
    if not re.fullmatch(SPELLED[kind], text):
        raise _not_a("whole number" if kind is Kind.INTEGER else "number", text)
    try:
        return whole(int(text)) if kind is Kind.INTEGER else plain(Decimal(text.strip()))
    except InvalidOperation:
        raise ValueError("the value overflows numeric") from None


def _read_number(text: str) -> Decimal:
    return Decimal(text.strip()) if _NOT_FINITE.fullmatch(text) else Decimal(spelled(Kind.NUMERIC, text))


def _read_float(text: str) -> float:
    if _NOT_FINITE.fullmatch(text):
        return float(text)
    if not re.fullmatch(SPELLED[Kind.NUMERIC], text):
        raise _not_a("number", text)
    return as_float(Decimal(text.strip()))


def as_float(number: Decimal | int) -> float:
    """The nearest float. Raises `ValueError` for a number that is too large, or too near to zero, for any float."""
    try:
        value = float(number)
    except OverflowError:
        value = float("inf")
    lost = (value == 0 and number != 0) or (value in (float("inf"), float("-inf")) and abs(number) != Decimal("inf"))
    if lost:
        raise ValueError(f"{number} is out of range for double precision")
    return value


def _read_truth(text: str) -> bool:
    given = text.strip().lower()
    found = {value for word, value in _TRUTH.items() if given and word.startswith(given)}
    if len(found) != 1:
        raise _not_a("truth value", text)
    return found.pop()


def _read_timestamp(text: str) -> datetime:
    """A timestamp without a time zone is one in UTC."""
    if not _TIMESTAMP.fullmatch(text):
        raise _not_a("timestamp", text)
    timestamp = datetime.fromisoformat(text)
    try:
        return timestamp.replace(tzinfo=UTC) if timestamp.tzinfo is None else timestamp.astimezone(UTC)
    except OverflowError:
        raise _not_a("timestamp of the years 1 to 9999", text) from None


def _read_date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise _not_a("date", text)
    return date.fromisoformat(text)


def _read_uuid(text: str) -> UUID:
    bare = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not _UUID.fullmatch(bare):
        raise _not_a("UUID", text)
    return UUID(bare)


def _not_a(what: str, text: str) -> ValueError:
    return ValueError(f"{text[:100]!r} is not a {what}")


_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.INTEGER: lambda text: spelled(Kind.INTEGER, text),
    Kind.NUMERIC: _read_number,
    Kind.FLOAT: _read_float,
    Kind.BOOLEAN: _read_truth,
    Kind.TIMESTAMP: _read_timestamp,
    Kind.DATE: _read_date,
    Kind.UUID: _read_uuid,
    Kind.JSON: parse,
}
