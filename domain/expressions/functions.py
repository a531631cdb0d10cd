"""The functions for rules: a small, closed set that means the same in SQL and in Python."""

from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.symbols import refuse
from acci.domain.expressions.tree import Call, Expression, common_kind, express


def when(condition: object, then: object, otherwise: object = None) -> Expression:
    """`then` where `condition` is true, else `otherwise` (also where the condition is NULL)."""
    test, yes, no = express(condition), express(then), express(otherwise)
    if test.kind != Kind.BOOLEAN:
        refuse("when()", "its first argument is a condition, such as event.data.amount > 0.")
    return Call(common_kind("when()", (yes, no)), yes.nullable or no.nullable, "when", (test, yes, no))


def is_null(value: object) -> Expression:
    """Whether the value is NULL; never NULL itself."""
    return Call(Kind.BOOLEAN, False, "is_null", (express(value),))


def coalesce(*values: object) -> Expression:
    """The first value that is not NULL."""
    parts = tuple(express(value) for value in values)
    return Call(common_kind("coalesce()", parts), all(part.nullable for part in parts), "coalesce", parts)


def lower(text: object) -> Expression:
    """The text in lower case: A to Z only, so that both engines agree under every locale."""
    part = _text("lower()", text)
    return Call(Kind.TEXT, part.nullable, "lower", (part,))


def concat(*texts: object) -> Expression:
    """The texts joined; NULL if any is."""
    parts = tuple(_text("concat()", text) for text in texts)
    return Call(Kind.TEXT, any(part.nullable for part in parts), "concat", parts)


def _text(what: str, value: object) -> Expression:
    part = express(value)
    if part.kind != Kind.TEXT:
        refuse(what, f"it takes text, not {part.kind.phrase}; cast(value, str) first.")
    return part


def before(text: object, separator: str) -> Expression:
    """The text before the first `separator`; all of it if there is none."""
    part = _text("before()", text)
    return Call(Kind.TEXT, part.nullable, "before", (part, express(_separator("before()", separator))))


def after(text: object, separator: str) -> Expression:
    """The text after the first `separator`; empty if there is none."""
    part = _text("after()", text)
    return Call(Kind.TEXT, part.nullable, "after", (part, express(_separator("after()", separator))))


def _separator(what: str, separator: str) -> str:
    if not separator:
        refuse(what, "its separator is a text of at least one character.")
    return separator


TRUNCATIONS = ("hour", "day", "week", "month", "year")


def date_trunc(unit: str, timestamp: object, zone: str) -> Expression:
    """The start of the hour, day, week (Monday), month or year of the timestamp, by the clocks of `zone`."""
    part = express(timestamp)
    if part.kind != Kind.TIMESTAMP:
        refuse("date_trunc()", f"it takes a timestamp, not {part.kind.phrase}.")
    return Call(Kind.TIMESTAMP, part.nullable, "date_trunc", (part,), (_unit(unit), _zone(zone)))


def local_date(timestamp: object, zone: str) -> Expression:
    """The calendar date of the timestamp, by the clocks of `zone`."""
    part = express(timestamp)
    if part.kind != Kind.TIMESTAMP:
        refuse("local_date()", f"it takes a timestamp, not {part.kind.phrase}.")
    return Call(Kind.DATE, part.nullable, "local_date", (part,), (_zone(zone),))


def _unit(unit: str) -> str:
    if unit not in TRUNCATIONS:
        refuse(f"date_trunc({unit!r}, …)", f"the unit is one of {', '.join(TRUNCATIONS)}.")
    return unit


def _zone(zone: str) -> str:
    """The zone, checked. PostgreSQL may read a name without a slash as an abbreviation, and CET has no DST then."""
    try:
        known = ZoneInfo(zone).key if "/" in zone or zone == "UTC" else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = None
    if known is None:
        refuse(f"the time zone {zone!r}", "name one of the IANA database, such as Europe/Amsterdam, or UTC.")
    return known


_CASTS: dict[type, Kind] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    Decimal: Kind.NUMERIC,
}
_CASTABLE: dict[Kind, tuple[Kind, ...]] = {
    Kind.TEXT: (Kind.TEXT, Kind.INTEGER, Kind.NUMERIC, Kind.UUID, Kind.DATE),
    Kind.INTEGER: (Kind.INTEGER, Kind.TEXT, Kind.BOOLEAN),
    Kind.NUMERIC: (Kind.NUMERIC, Kind.INTEGER, Kind.TEXT),
}


def cast(value: object, to: type) -> Expression:
    """The value as another type: to str from int, Decimal, UUID, date; to int from str, bool; to Decimal from str, int.

    An event with text that does not spell a number, in digits, cannot be applied.
    """
    part = express(value)
    kind = _CASTS.get(to)
    if kind is None or part.kind not in _CASTABLE[kind]:
        wanted = getattr(to, "__name__", to)
        refuse(f"cast({part.kind.phrase}, {wanted})", "there is no such cast; see help(cast) for the existing ones.")
    return Call(kind, part.nullable, "cast", (part,), (part.kind.name,))
