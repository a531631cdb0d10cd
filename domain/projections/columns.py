"""Columns of a read model: which values a rule may give them, and how PostgreSQL stores a value there."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NoReturn

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.tree import NULL, Expression
from acci.domain.expressions.values import EXACT, as_float, from_text, plain, rounded
from acci.domain.projections.verbs import FoldKind

_TYPE = re.compile(r"(?P<name>[a-z ]+?)(\((?P<first>-?\d+)(,(?P<second>-?\d+))?\))?(?P<zone> with(out)? time zone)?")
_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}
_KINDS = dict.fromkeys(_INTEGERS, Kind.INTEGER) | {
    "text": Kind.TEXT,
    "character varying": Kind.TEXT,
    "numeric": Kind.NUMERIC,
    "double precision": Kind.FLOAT,
    "boolean": Kind.BOOLEAN,
    "timestamp with time zone": Kind.TIMESTAMP,
    "date": Kind.DATE,
    "uuid": Kind.UUID,
    "jsonb": Kind.JSON,
}
_NUMBERS = (Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT)
_TAKES = {kind: (kind,) for kind in Kind} | dict.fromkeys(_NUMBERS, _NUMBERS) | {Kind.UUID: (Kind.UUID, Kind.TEXT)}
_INSTEAD = {
    "character": "varchar(n) or text; PostgreSQL pads char(n) with blanks",
    "timestamp without time zone": "timestamptz; without a zone it is ambiguous",
    "real": "double precision; real keeps six digits",
    "json": "jsonb; json cannot be compared",
}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Column:
    """A column of a read model: `type` as PostgreSQL spells it, such as `numeric(12,2)`, and its category there.

    `default` is the default's value as text. `generated`: PostgreSQL computes its values, no rule may give one.
    `required`: it is NOT NULL, and only a rule can fill it. `deterministic`: no two different texts are equal in its
    collation. `default_varies`: its default is another value each time, such as now().
    """

    name: str
    type: str
    category: str
    default: str | None
    generated: bool
    required: bool = False
    deterministic: bool = True
    default_varies: bool = False

    @cached_property
    def is_character(self) -> bool:
        return self.category == "S"

    @cached_property
    def kind(self) -> Kind | None:
        """The kind of its values; None for a type that rules do not know, whose values are text to them."""
        return _KINDS.get(self._name)

    @cached_property
    def _parts(self) -> re.Match[str] | None:
        return _TYPE.fullmatch(self.type)

    @property
    def _name(self) -> str:
        parts = self._parts
        return self.type if parts is None else parts["name"] + (parts["zone"] or "")

    @property
    def _first(self) -> int | None:
        """The length, precision or digits in its type's parentheses."""
        return int(self._parts["first"]) if self._parts and self._parts["first"] else None

    @property
    def _scale(self) -> int:
        return int(self._parts["second"] or 0) if self._parts else 0

    # -- what it takes ------------------------------------------------------------------------------------------

    def refuses(self, fold: FoldKind, value: Expression) -> str | None:
        """Why the fold cannot give it `value`, with the way out; None if it can."""
        if self._name in _INSTEAD:
            return f"column {self.name!r} is {self.type}; make it {_INSTEAD[self._name]}."
        if value is not NULL and value.kind not in (_TAKES[self.kind] if self.kind else (Kind.TEXT,)):
            return f"it gives {value.kind.phrase} to column {self.name!r} of type {self.type}; give both one type."
        if fold is FoldKind.ADD and self.kind not in (Kind.INTEGER, Kind.NUMERIC):
            return f"it adds in column {self.name!r} of type {self.type}; make it bigint or numeric, which are exact."
        if fold in (FoldKind.MINIMUM, FoldKind.MAXIMUM):
            return self._unordered()
        return None

    def refuses_as_key(self, value: Expression) -> str | None:
        """Why it cannot be a key column that a rule gives `value`; None if it can."""
        return self.unfit_as_key() or self.refuses(FoldKind.PUT, value)

    def unfit_as_key(self) -> str | None:
        """Why its type cannot be a key, with the way out; None if it can."""
        if self._name in _INSTEAD:
            return f"key column {self.name!r} is {self.type}; make it {_INSTEAD[self._name]}."
        if self.kind in (None, Kind.FLOAT, Kind.JSON):
            return self._no_key()
        if not self.deterministic:
            return f'key column {self.name!r} has a collation in which different texts are equal; add COLLATE "C".'
        return self._ambiguous()

    def _no_key(self) -> str:
        return f"key column {self.name!r} is {self.type}; make it text, an integer, numeric(p,s), uuid or the like."

    def _unordered(self) -> str | None:
        if self.kind in (None, Kind.BOOLEAN, Kind.JSON):
            return f"column {self.name!r} of type {self.type} has no order here; put or keep its values."
        return self._ambiguous()

    def _ambiguous(self) -> str | None:
        if self._name == "numeric" and self._first is None:
            return f"column {self.name!r} is numeric without a scale, where 1.0 and 1.00 are equal; say numeric(p,s)."
        return None

    # -- what it stores -----------------------------------------------------------------------------------------

    def initial(self) -> Any:
        """The default's value; its text if Python has no such value, such as the date 'infinity'."""
        if self.default is None:
            return None
        try:
            return self.converted(from_text(self.kind or Kind.TEXT, self.default))
        except ValueError:
            return self.default

    def converted(self, value: Any) -> Any:
        """The value as one of the column's type, before it is folded. Raises `ValueError` if it has none.

        Text is left as it is: whether it is too long shows when it is stored.
        """
        if value is None or self.kind is None:
            return value
        if self.kind is Kind.INTEGER:
            return self._in_range(_to_integer(value))
        if self.kind is Kind.NUMERIC:
            return self._with_scale(_to_numeric(value))
        if self.kind is Kind.FLOAT and not isinstance(value, float):
            return as_float(value)
        if self.kind is Kind.UUID:
            return from_text(Kind.UUID, str(value))
        return _to_digits(value, self._first) if isinstance(value, datetime) and self._first is not None else value

    def as_key(self, value: Any) -> Any:
        """The value as a part of a key, as the column stores it, so that equality is the same here and there.

        Text is read as PostgreSQL reads it. Raises `ValueError` if the column holds no such value.
        """
        if value is None or self.kind is None or (self.type == "text" and type(value) is str):
            return value
        if isinstance(value, str) or self.kind is Kind.TEXT:
            value = from_text(self.kind, str(value))
        elif isinstance(value, datetime):
            value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            value = value.date() if self.kind is Kind.DATE else value
        elif self.kind is Kind.BOOLEAN:
            value = bool(value)
        return self.stored(self.converted(value))

    def stored(self, value: Any) -> Any:
        """What is stored of a folded value. Raises `ValueError` for a sum out of range or a text too long."""
        if isinstance(value, str) and self._name == "character varying" and self._first is not None:
            if len(value.rstrip(" ")) > self._first:
                raise ValueError(f"the text is longer than column {self.name!r} of type {self.type}")
            return value[: self._first]
        return self.converted(value) if self.kind in (Kind.INTEGER, Kind.NUMERIC) else value

    def _in_range(self, number: int) -> int:
        bits = _INTEGERS[self._name]
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError(f"{number} is out of range for column {self.name!r} of type {self.type}")
        return number

    def _with_scale(self, number: Decimal) -> Decimal:
        precision = self._first
        if precision is None or number.is_nan():
            return number
        fits = rounded(number, self._scale) if number.is_finite() else None
        if fits is None or abs(fits) >= Decimal(1).scaleb(precision - self._scale):
            raise ValueError(f"{number} is out of range for column {self.name!r} of type {self.type}")
        return fits


def _to_integer(number: int | Decimal | float) -> int:
    """Decimals are rounded half away from zero, floats half to even."""
    if isinstance(number, Decimal):
        return int(rounded(number, 0)) if number.is_finite() else _no_integer(number)
    if isinstance(number, float):
        return round(number) if number - number == 0 else _no_integer(number)
    return number


def _no_integer(number: Decimal | float) -> NoReturn:
    raise ValueError(f"{number} is no integer")


def _to_numeric(number: int | Decimal | float) -> Decimal:
    """A float has 15 digits as numeric."""
    return plain(Decimal(format(number, ".15g")) if isinstance(number, float) else EXACT.create_decimal(number))


def _to_digits(timestamp: datetime, digits: int) -> datetime:
    """The timestamp rounded to so many digits of a second, half away from the year 2000, as in PostgreSQL."""
    unit: int = 10 ** (6 - digits)
    since: int = (timestamp - _EPOCH) // MICROSECOND
    units = (abs(since) + unit // 2) // unit * unit
    return _EPOCH + (units if since >= 0 else -units) * MICROSECOND
