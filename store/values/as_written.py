"""Compares a value as written with what pydantic made of it.

pydantic reads the number 5 as a timestamp in 1970, "1_000" as a thousand, 1 as true, and true as 1. Where a type has a
usual text form, only that, or the type's own JSON, is accepted as a value of it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import AliasChoices, BaseModel

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")

_FORMS: dict[type, str] = {
    datetime: "2026-01-31T09:00:00Z",
    date: "2026-01-31",
    time: "09:00:00",
    timedelta: "P1DT2H",
}

Misread = tuple[str, str]  # the dotted path of the field, and what is wrong


def misread(given: Any, made: Any, where: str = "") -> Iterator[Misread]:
    """Each value in `made` that `given`, from which pydantic made it, does not spell."""
    if given is made or made is None:
        return
    parts = _parts(given, made)
    if parts is None:
        if problem := _problem(given, made):
            yield where, problem
        return
    for name, one, other in parts:
        yield from misread(one, other, f"{where}.{name}" if where else name)


def _parts(given: Any, made: Any) -> list[tuple[str, Any, Any]] | None:
    """What is inside of both: its name, as given and as made; None if it is one value."""
    if isinstance(made, BaseModel) and isinstance(given, Mapping):
        named = ((name, _key(type(made), name, given)) for name in type(made).model_fields)
        return [(name, given[key], getattr(made, name)) for name, key in named if key is not None]
    if isinstance(made, Mapping) and isinstance(given, Mapping) and len(made) == len(given):
        pairs = zip(given.items(), made.items(), strict=True)
        return [
            (str(key), *both) for (key, one), (made_key, other) in pairs for both in ((key, made_key), (one, other))
        ]
    if isinstance(made, list | tuple) and isinstance(given, list | tuple) and len(made) == len(given):
        return [(str(place), *both) for place, both in enumerate(zip(given, made, strict=True))]
    if isinstance(made, set | frozenset) and isinstance(given, list | tuple | set | frozenset):
        kind = next(iter(made), None)  # a set has no order, and usually one type
        return [] if isinstance(kind, Enum) else [("", one, kind) for one in given]
    return None


def is_number(value: Any) -> bool:
    """Whether it is a number, or a text that spells one as it is usually written."""
    return isinstance(value, int | float | Decimal) or (isinstance(value, str) and bool(_NUMBER.fullmatch(value)))


def _key(model: type[BaseModel], name: str, given: Mapping[str, Any]) -> str | None:
    """The name under which the field's value is given, if it is."""
    alias = model.model_fields[name].validation_alias
    names = [name, *(alias.choices if isinstance(alias, AliasChoices) else [alias])]
    return next((each for each in names if isinstance(each, str) and each in given), None)


def _problem(given: Any, made: Any) -> str | None:
    if isinstance(made, Enum):
        alike = type(given) is type(made.value) and given == made.value
        return None if isinstance(given, Enum) or alike or given == str(made.value) else "is none of its values"
    if isinstance(made, bool):
        fits = isinstance(given, bool) or (isinstance(given, str) and given.lower() in ("true", "false"))
        return None if fits else "is true or false, and nothing else"
    if isinstance(made, date | time | timedelta) and is_number(given.strip() if isinstance(given, str) else given):
        return f"is a number, and has to be a text such as {_FORMS[_kind(made)]}"
    if isinstance(made, int | float | Decimal):
        form = _WHOLE if isinstance(made, int) else _NUMBER
        if isinstance(given, bool) or (isinstance(given, str) and not form.fullmatch(given)):
            return f"is no number as it is usually written, such as {'-1250' if form is _WHOLE else '-1250 or 0.5'}"
    return None


def _kind(made: date | time | timedelta) -> type:
    return next(kind for kind in _FORMS if isinstance(made, kind))
