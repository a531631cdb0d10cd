"""Values of numbers and texts for examples: ordinary ones, and those at the bounds that a shape sets."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from acci.store.contract.shapes import Shape

UNTRIED = "[untried]"
LONG = 70_000  # characters

_WHOLE = (-(2**63), -1000, -7, -2, -1, 0, 1, 2, 3, 7, 10, 100, 1000, 10**6, 2**53 + 1, 2**63 - 1)
_NUMBERS = (-1e300, -1000.5, -1.0, -0.25, 0.0, 1e-9, 0.1, 0.5, 1.0, 1.5, 10.25, 1e6, 1e15 + 0.5, 1e300)
_DECIMALS = ("1", "0", "-1", "0.1", "-0.01", "12.345", "1E+3", "99999", "123456789012345678901234567890", "0.000000001")
_TEXTS = (
    "a", "", " ", "0", "1", "-1", "1.5", "true", "null", "A", "Ab c", "é ☃", "a@b.example", "x" * 40,
    "http://a.example/", "a\nb", "2020-02-29", "00000000-0000-4000-8000-000000000000", "x" * LONG,
)  # fmt: skip
_DATES = ("2020-02-29", "1000-01-01", "1970-01-01", "2000-12-31", "2100-06-15", "9999-12-30")
_FORMATS: dict[str, tuple[Any, ...]] = {
    "time": ("12:00:00", "23:59:59.999999"),
    "duration": ("P1D", "PT0.5S", "-P1D", "P1000D"),
    "uuid": ("00000000-0000-4000-8000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"),
    "base64url": ("YQ==", ""),
    "binary": ("a", ""),
    "email": ("a@b.example",),
    "uri": ("http://a.example/", "https://b.example/x?y=z"),
    "ipv4": ("127.0.0.1",),
    "ipv6": ("::1",),
}


def integers(shape: Shape, _: int = 0) -> Iterator[Any]:
    candidates = [*_near(shape, 1), *_WHOLE]
    step = shape.get("multipleOf")
    candidates = [each - each % step for each in candidates] + [step] if step else candidates
    yield from _ordinary_first(each for each in candidates if _within(each, shape) and -(2**63) <= each < 2**63)


def numbers(shape: Shape, _: int = 0) -> Iterator[Any]:
    candidates = [*_near(shape, 0.001), *_NUMBERS]
    if step := shape.get("multipleOf"):
        candidates = [step * times for times in (0, 1, -1, 8)]
    yield from _ordinary_first(each for each in candidates if _within(each, shape))
    if not shape.get("finite", False):
        without = shape.keys() & {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
        yield from () if without else ("NaN", "Infinity", "-Infinity")


def _near(shape: Shape, little: float) -> list[Any]:
    named = [shape[name] for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if name in shape]
    return [each + by for each in named for by in (0, little, -little)]


def _within(number: float, shape: Shape) -> bool:
    step = shape.get("multipleOf")
    return (
        number >= shape.get("minimum", number)
        and number <= shape.get("maximum", number)
        and number > shape.get("exclusiveMinimum", float("-inf"))
        and number < shape.get("exclusiveMaximum", float("inf"))
        and (not step or number % step == 0)
    )


def _ordinary_first(found: Iterator[Any]) -> list[Any]:
    """The values, each once, the one nearest to 1 first."""
    return sorted(dict.fromkeys(found), key=lambda each: abs(each - 1))


def texts(shape: Shape, _: int = 0) -> Iterator[Any]:
    form = shape.get("format")
    if form == "decimal":
        yield from _decimals(shape)
    elif form == "date-time":
        yield from _moments(shape)
    elif form == "date":
        yield from _days(shape)
    elif form in _FORMATS:
        yield from _FORMATS[form]
    elif form is not None or "contentMediaType" in shape:
        yield UNTRIED
    else:
        yield from _plain_texts(shape)


def _plain_texts(shape: Shape) -> Iterator[Any]:
    least, most = shape.get("minLength", 0), shape.get("maxLength", LONG)
    candidates = [*_TEXTS, "a" * least, "a" * most, *(each * max(least, 1) for each in ("0", "é", "Z "))]
    candidates += [each.ljust(least, "x")[:most] for each in _TEXTS]
    fitting = [each for each in dict.fromkeys(candidates) if least <= len(each) <= most and _matches(shape, each)]
    yield from fitting or [UNTRIED]


def _matches(shape: Shape, text: str) -> bool:
    try:
        return "pattern" not in shape or re.search(shape["pattern"], text) is not None
    except re.error:  # of a dialect that Python does not know
        return False


def _decimals(shape: Shape) -> Iterator[Any]:
    bounds = [shape[name] for name in ("ge", "gt", "le", "lt") if name in shape]
    places = int(shape.get("decimal_places", 2))
    little = Decimal(1).scaleb(-places)
    near = [str(Decimal(each) + by) for each in bounds for by in (0, little, -little)]
    digits = int(shape.get("max_digits", 0))
    wide = ["9" * (digits - places) + "." + "9" * places] if digits > places else []
    step = [str(Decimal(shape["multiple_of"]) * times) for times in (1, 0, 1000)] if "multiple_of" in shape else []
    fitting = [each for each in dict.fromkeys((*_DECIMALS, *near, *wide, *step)) if _fits(Decimal(each), shape)]
    if not bounds and not shape.keys() & {"multiple_of"} and not shape.get("finite", True):
        fitting += ["NaN", "Infinity", "-Infinity"]
    yield from fitting or [UNTRIED]


def _fits(number: Decimal, shape: Shape) -> bool:
    _, found, exponent = number.as_tuple()
    behind = max(0, -int(exponent))
    digits = max(len(found) + max(0, int(exponent)), behind)
    before = digits - behind
    most, places = shape.get("max_digits"), shape.get("decimal_places")
    try:
        return (
            number >= Decimal(shape.get("ge", number))
            and number <= Decimal(shape.get("le", number))
            and ("gt" not in shape or number > Decimal(shape["gt"]))
            and ("lt" not in shape or number < Decimal(shape["lt"]))
            and (most is None or digits <= int(most))
            and (places is None or behind <= int(places))
            and (most is None or places is None or before <= int(most) - int(places))
            and ("multiple_of" not in shape or number % Decimal(shape["multiple_of"]) == 0)
        )
    except InvalidOperation:  # too many digits for a remainder
        return False


def _days(shape: Shape) -> list[Any]:
    candidates = (*_DATES, *(shape[name] for name in ("ge", "le") if name in shape))
    return [
        each
        for each in candidates
        if shape.get("ge", each) <= each <= shape.get("le", each)
        and each > shape.get("gt", "")
        and each < shape.get("lt", "x")
    ] or [UNTRIED]


def _moments(shape: Shape) -> Iterator[Any]:
    if shape.keys() & {"ge", "gt", "le", "lt"}:
        yield UNTRIED
        return
    zones = ("",) if shape.get("zone") == "naive" else ("Z", "+14:00") if "zone" in shape else ("Z", "", "-11:30")
    for day in _DATES[:5]:
        for zone in zones:
            yield f"{day}T12:00:00{zone}"
            yield f"{day}T23:59:59.999999{zone}"
