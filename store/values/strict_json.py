"""JSON from outside, read strictly: what this accepts means one thing, and PostgreSQL can hold it."""

import json
from decimal import Decimal, InvalidOperation
from math import isinf
from typing import Any, NoReturn

from acci.domain.errors import AcciError
from acci.store.values.pydantic_errors import lowered
from acci.store.values.storable import check_text, unstorable

LARGEST = 2**63 - 1


class NotJson(AcciError):
    """The text is not the JSON object it has to be; `reason` says why."""

    reason: str

    sentence = "This is not a JSON object that can be read: {reason}. Correct it and try again."


def decoded(raw: bytes) -> str:
    """The text; a byte order mark is left out. Raises `NotJson` if it is not UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJson(f"byte {error.start + 1} is not UTF-8") from error


def parse_object(text: str) -> dict[str, Any]:
    """The object that `text` spells. Numbers that a float would round come as Decimal.

    Raises `NotJson` for what is not one object, names a key twice, nests too deeply, or holds NaN, an infinity, a
    number out of range, a NUL character or half a surrogate pair.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
        if not isinstance(value, dict):
            raise NotJson(f"it is {_article(value)}, not an object in braces")
        if "\\u" in text or check_text(text):  # an escape may spell what the text itself does not have
            for where, problem in unstorable(value):
                raise NotJson(f"{where} {problem}")
    except json.JSONDecodeError as error:
        what = lowered(error.msg).removesuffix(" at")
        raise NotJson(f"{what} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise NotJson("it nests too deeply") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f"the key {_shown(twice)} is there twice")
    return value


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no number in JSON")


def _float(text: str) -> float | Decimal:
    value = float(text)
    if isinf(value):
        raise NotJson(f"the number {_shown(text)} is out of range")
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise NotJson(f"the number {_shown(text)} is out of range") from None
    return value if Decimal(repr(value)) == exact else exact


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > LARGEST:
        raise NotJson(f"the number {_shown(text)} is beyond 64 bits")
    return int(text)


def _article(value: object) -> str:
    if value is None:
        return "null"
    kinds = {list: "a list", str: "a text", bool: "true or false"}
    return kinds.get(type(value), "a number")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
