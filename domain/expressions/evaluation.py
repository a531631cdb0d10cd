"""Expressions evaluated in Python, with the same results as their SQL."""

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.tree import Call, Constant, Expression, Missing
from acci.domain.expressions.values import EXACT, order, plain, spelled, to_text, whole


def value_of(expression: Expression) -> Any:
    """The value of an expression without fields; None for NULL. Raises `ValueError` where its SQL would fail."""
    match expression:
        case Constant():
            return expression.value
        case Missing():
            raise ValueError(expression.reason)
        case Call():
            return _FUNCTIONS[expression.function](expression)
    raise TypeError(expression)


def _strict(function: Callable[..., Any]) -> Callable[[Call], Any]:
    """NULL if any argument is, as most SQL functions do."""

    def call(call: Call) -> Any:
        values = [value_of(part) for part in call.arguments]
        return None if None in values else function(call, *values)

    return call


def _arithmetic(in_integers: Callable[[int, int], int], exact: Callable[[Any, Any], Decimal]) -> Callable[[Call], Any]:
    def compute(call: Call, left: Any, right: Any) -> Any:
        if call.kind is Kind.INTEGER:
            return whole(in_integers(left, right))
        return plain(exact(Decimal(left), Decimal(right)))

    return _strict(compute)


def _until(end: bool) -> Callable[[Call], bool | None]:
    """Three-valued `and` (end=False) or `or` (end=True): `end` at the first part that is; else NULL if any is NULL."""

    def call(call: Call) -> bool | None:
        result: bool | None = not end
        for part in call.arguments:
            value: bool | None = value_of(part)
            if value is end:
                return value
            result = None if value is None else result
        return result

    return call


def _when(call: Call) -> Any:
    test, then, otherwise = call.arguments
    return _of_kind(call.kind, value_of(then if value_of(test) else otherwise))


def _coalesce(call: Call) -> Any:
    values = (value_of(part) for part in call.arguments)
    return _of_kind(call.kind, next((value for value in values if value is not None), None))


def _of_kind(kind: Kind, value: Any) -> Any:
    return Decimal(value) if kind is Kind.NUMERIC and isinstance(value, int) else value


def _lower(_: Call, text: str) -> str:
    return "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in text)


def _cast(call: Call, value: Any) -> Any:
    if call.kind is Kind.TEXT:
        return to_text(value)
    if isinstance(value, str):
        return spelled(call.kind, value)
    return whole(int(value)) if call.kind is Kind.INTEGER else Decimal(value)


def _before(_: Call, text: str, separator: str) -> str:
    return text.partition(separator)[0]


def _after(_: Call, text: str, separator: str) -> str:
    return text.partition(separator)[2]


CYCLE = timedelta(days=146_097)  # 400 years: the calendar repeats after them


def _by_clocks(timestamp: datetime, zone: ZoneInfo) -> tuple[datetime, timedelta]:
    """The local time, and how far it was shifted: in the years 1 and 9999 a local time may have no year."""
    moved = {1: CYCLE, 9999: -CYCLE}.get(timestamp.year, timedelta())
    return (timestamp + moved).astimezone(zone), moved


def _moved_back(value: Any, moved: timedelta) -> Any:
    try:
        return value - moved
    except OverflowError:
        raise ValueError("that is in no year from 1 to 9999") from None


def _date_trunc(call: Call, timestamp: datetime) -> datetime:
    unit, zone = call.detail
    local, moved = _by_clocks(timestamp, ZoneInfo(zone))
    if unit == "hour":  # by the offset at that time, even if the clocks were changed within the hour
        since = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        found: datetime = _moved_back(timestamp, since)
        return found
    day = local.date()
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit != "day":
        day = day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)
    begins: datetime = _moved_back(_midnight(day, ZoneInfo(zone)), moved)
    return begins


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins, in UTC. If clocks skip or repeat midnight, PostgreSQL takes the smaller offset of the two."""
    first = datetime(day.year, day.month, day.day, tzinfo=zone)
    return max(first.astimezone(UTC), first.replace(fold=1).astimezone(UTC))


def _local_date(call: Call, timestamp: datetime) -> date:
    local, moved = _by_clocks(timestamp, ZoneInfo(call.detail[0]))
    found: date = _moved_back(local.date(), moved)
    return found


def _comparison(apply: Callable[[Any, Any], bool]) -> Callable[[Call], Any]:
    return _strict(lambda _, left, right: apply(order(left), order(right)))


_FUNCTIONS: dict[str, Callable[[Call], Any]] = {
    "+": _arithmetic(operator.add, EXACT.add),
    "-": _arithmetic(operator.sub, EXACT.subtract),
    "*": _arithmetic(operator.mul, EXACT.multiply),
    "=": _comparison(operator.eq),
    "<>": _comparison(operator.ne),
    "<": _comparison(operator.lt),
    "<=": _comparison(operator.le),
    ">": _comparison(operator.gt),
    ">=": _comparison(operator.ge),
    "and": _until(False),
    "or": _until(True),
    "not": _strict(lambda _, value: not value),
    "is_null": lambda call: value_of(call.arguments[0]) is None,
    "when": _when,
    "coalesce": _coalesce,
    "lower": _strict(_lower),
    "concat": _strict(lambda _, *texts: "".join(texts)),
    "cast": _strict(_cast),
    "before": _strict(_before),
    "after": _strict(_after),
    "date_trunc": _strict(_date_trunc),
    "local_date": _strict(_local_date),
}
