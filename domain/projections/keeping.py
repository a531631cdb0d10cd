"""Keeping: what a fold in Python returns, as its table gives it back to the next event.

One rule for every engine, so that neither the end of a batch nor the machine that folds changes a row: after each event
the fold meets the row with all of its columns, each value as PostgreSQL keeps it. What the table cannot keep, or would
give back as something else, makes the event one that cannot be applied.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.projections.columns import Column
from domain.projections.kinds import Kind
from domain.projections.values import EXACT, from_text, plain

Row = dict[str, Any]
Key = tuple[Any, ...]
DEEPEST = 200  # levels of JSON that can be read back
_SCALARS = (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.UUID, Kind.DATE, Kind.TIMESTAMP)
_ASK = object()
_READS = UTC  # what moments are read from PostgreSQL with


class NotKept(ValueError):
    """What a fold returned is no row of its table, or none that it would get back."""


class _NotThere(NotKept):
    """The table has no such column, or another value there."""


Ask = Callable[[Column, Any], Any]
"""What becomes of a value in a column where it takes PostgreSQL to know. Raises `NotKept`."""


def by_rules(column: Column, value: Any) -> Any:
    """The answer without PostgreSQL: right for the types that rules know; others are taken to keep what they get."""
    try:
        if isinstance(value, str) and column.kind not in (None, Kind.TEXT):
            value = from_text(column.kind, value)
        return column.stored(column.converted(value))
    except ValueError as error:
        raise NotKept(str(error)) from error


class Keeper:
    """Keeps the rows of one table; `ask` knows of the types that Python alone does not."""

    def __init__(self, key: Sequence[str], columns: Sequence[Column], ask: Ask = by_rules) -> None:
        told = {column.name: column for column in columns if not column.generated}
        others = [column for name, column in told.items() if name not in key]
        self._columns, self._key, self._ask = told, tuple(key), ask
        self._blank: Row = dict.fromkeys((*key, *(column.name for column in others)))
        self._takers = {column.name: _taker(column) for column in others}
        self._needed = any(column.required for column in others)
        # What cannot be changed in place is kept already if it is what the fold was handed.
        self._fixed = {*key, *(column.name for column in others if column.kind in _SCALARS)}
        self._telling = tuple(column.name for column in others if not _says_all(column))

    def kept(self, key: Key, given: Any, before: Row | None = None) -> Row | None:
        """The row of `key` as it is read back, which was `before`; None for no row.

        Raises `NotKept`, and what asking raises.
        """
        if given is None:
            return None
        return self._row(key, given if type(given) is dict else _as_row(given), before or {})

    def _row(self, key: Key, row: Row, was: Row) -> Row:
        kept = self._blank.copy()
        kept.update(zip(self._key, key, strict=True))
        asked: list[str] = []
        name = ""
        try:
            for name, value in row.items():
                if value is was.get(name) and name in self._fixed:
                    kept[name] = value
                elif (take := self._takers.get(name)) is None:
                    self._require_key(name, kept, value)
                elif value is not None:
                    found = kept[name] = take(value)
                    if found is _ASK:
                        asked.append(name)
        except _NotThere:
            raise
        except Exception as error:  # such as a text's own code
            raise NotKept(
                f"column {name!r} of type {self._columns[name].type} cannot keep it: {told(error)}"
            ) from error
        if asked:
            kept.update({name: self._ask(self._columns[name], row[name]) for name in asked})
        if self._needed and None in kept.values():
            self._require_all(kept)
        return kept

    def _require_all(self, kept: Row) -> None:
        for name, value in kept.items():
            if value is None and self._columns[name].required and name not in self._key:
                raise NotKept(f"column {name!r} may not be NULL, and evolve gives it no value")

    def _require_key(self, name: str, kept: Row, given: Any) -> None:
        if name not in self._key:
            known = ", ".join(self._blank)
            raise _NotThere(f"evolve gives {name!r}, and its table takes no such column; it takes {known}")
        try:
            same = given == kept[name] or self._columns[name].as_key(given) == kept[name]
        except Exception:  # noqa: BLE001 what has no place in the column is not the same
            same = False
        if not same:
            raise _NotThere(f"evolve gives key column {name!r} another value than the row's key has; leave it out")

    def spelled(self, row: Row) -> tuple[str, ...]:
        """What tells of a kept row whether it differs from another, where Python's == does not, such as of 0 and False.

        Taken of a row before a fold meets it, since that may change what is nested in it.
        """
        return tuple([repr(row[name]) for name in self._telling]) if self._telling else ()


def told(error: BaseException) -> str:
    """An error of somebody's code, in one line; its own sentence of what cannot be kept."""
    if isinstance(error, NotKept):
        return str(error)
    try:
        said = str(error)
    except Exception as another:  # noqa: BLE001 the user's own class cannot say what it is
        said = f"its text cannot be had ({type(another).__name__})"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _as_row(given: Any) -> Row:
    if not isinstance(given, Mapping):
        raise NotKept(f"evolve gives a {type(given).__name__}, where a row is a dict of columns, or None")
    try:
        return dict(given)
    except Exception as error:
        raise NotKept(f"evolve gives a row that cannot be read ({told(error)})") from error


def _says_all(column: Column) -> bool:
    """Whether two kept values of the column are alike just when they are equal in Python."""
    return column.kind in _SCALARS or (column.kind is Kind.NUMERIC and column.type != "numeric")


def _taker(column: Column) -> Callable[[Any], Any]:
    """What keeps a value where Python knows how, without fail, as PostgreSQL does; else it gives `_ASK`."""
    if column.type in ("json", "jsonb"):
        return _json if column.type == "jsonb" else _json_as_written
    if column.type == "text":
        return _text
    if column.type in _BITS:
        return _integer(_BITS[column.type])
    return _BY_TYPE.get(column.type, lambda _: _ASK)


_BITS = {"smallint": 16, "integer": 32, "bigint": 64}


def _text(value: Any) -> Any:
    if type(value) is not str:
        return _ASK
    return value if value.isascii() and "\0" not in value else storable(value)


def storable(text: str) -> str:
    """The text, if PostgreSQL can keep it. Raises `NotKept`."""
    if "\0" in text:
        raise NotKept("a text has the character NUL in it, which PostgreSQL cannot keep")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NotKept("a text has half a character in it (a lone surrogate)") from None
    return text


def _integer(bits: int) -> Callable[[Any], Any]:
    least, end = -(2 ** (bits - 1)), 2 ** (bits - 1)

    def take(value: Any) -> Any:
        if type(value) is not int:
            return _ASK
        if not least <= value < end:
            raise NotKept(f"a number is out of range for {bits} bits")
        return value

    return take


def _exactly(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) is kind else _ASK


def _float(value: Any) -> Any:
    return value if type(value) is float and math.isfinite(value) else _ASK


def _numeric(value: Any) -> Any:
    return plain(value) if type(value) is Decimal and value.is_finite() else _ASK


def _moment(value: Any) -> Any:
    if type(value) is not datetime or value.tzinfo is None:
        return _ASK
    return value if value.tzinfo is _READS else value.astimezone(_READS)


_BY_TYPE: dict[str, Callable[[Any], Any]] = {
    "boolean": _exactly(bool),
    "uuid": _exactly(UUID),
    "date": _exactly(date),
    "double precision": _float,
    "numeric": _numeric,
    "timestamp with time zone": _moment,
}


def _json(value: Any) -> Any:
    """A value as jsonb gives it back: a list for a tuple, names in its order; a copy, whatever is nested in it."""
    return _nested(value, 1, True)


def _json_as_written(value: Any) -> Any:
    return _nested(value, 1, False)


def _nested(value: Any, level: int, in_order: bool) -> Any:
    if type(value) is str:
        return storable(value)
    if not isinstance(value, dict | list | tuple):
        return _plain(value, in_order)
    if level > DEEPEST:
        raise NotKept(f"its JSON has more than {DEEPEST} levels")
    if not isinstance(value, dict):
        return [_nested(inner, level + 1, in_order) for inner in value]
    named = {_name(name): _nested(inner, level + 1, in_order) for name, inner in value.items()}
    return {name: named[name] for name in sorted(named, key=_place)} if in_order and len(named) > 1 else named


def _plain(value: Any, in_order: bool) -> Any:
    """A value with none in it, of JSON's own type: of an enumeration's member its value."""
    if value is None or type(value) is bool:
        return value
    if isinstance(value, str):
        return storable(str.__str__(value))
    if isinstance(value, int):
        return _within_digits(int(value))
    if isinstance(value, float):
        return _number(float(value), in_order)
    raise NotKept(f"a {type(value).__name__} has no form in JSON; give it as text, a number, a list or an object")


def _name(name: Any) -> str:
    if type(name) is str:
        return storable(name)
    if isinstance(name, str):
        return storable(str.__str__(name))
    raise NotKept(f"the name {name!r} in a JSON object is no text, and would come back as one; write str() of it")


def _place(name: str) -> tuple[int, bytes]:
    spelled = name.encode()
    return len(spelled), spelled


def _within_digits(number: int) -> int:
    if number.bit_length() > 14_000:  # 4,300 digits can be read back
        raise NotKept("a whole number in its JSON has too many digits")
    return number


def _number(number: float, as_numeric: bool) -> int | float:
    """jsonb writes a number's digits out, and so a large one comes back as a whole number; and zero has no sign."""
    if not math.isfinite(number):
        raise NotKept(f"{number} has no form in JSON")
    if not as_numeric:
        return number
    return number + 0.0 if abs(number) < 1e16 else int(EXACT.create_decimal(repr(number)))
