"""Stored rows: what a Python fold returns, converted to the row that its table would return.

Every engine does this after each event, so that results do not depend on batch boundaries: the next event always gets
the row with all of its columns, each value as PostgreSQL stores it. Example: a fold that returns {"tags": ("a", "b")}
for a jsonb column gets {"tags": ["a", "b"], ...} with the next event. If the table cannot store a value, or would
return another one, the event cannot be applied.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.values import from_text
from acci.domain.projections.columns import Column
from acci.domain.projections.stored_values import NEEDS_POSTGRESQL, NotStorable, converter, in_one_line

Row = dict[str, Any]
Key = tuple[Any, ...]
_SCALARS = (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.UUID, Kind.DATE, Kind.TIMESTAMP)


class _WrongColumn(NotStorable):
    """The fold gives a column that the table does not have, or a key column another value."""


Probe = Callable[[Column, Any], Any]
"""The value that a column gives back, for types that only PostgreSQL knows. Raises `NotStorable`."""

Fill = Callable[[Column], Any]
"""The value that a column's default gives now."""


def in_python_alone(column: Column, value: Any) -> Any:
    """A `Probe` without PostgreSQL: exact for the types that rules know; others are assumed to store any value."""
    try:
        if isinstance(value, str) and column.kind not in (None, Kind.TEXT):
            value = from_text(column.kind, value)
        return column.stored(column.converted(value))
    except ValueError as error:
        raise NotStorable(str(error)) from error


class RowRoundTrip:
    """The rows that a table returns for those written to it; `probe` is called for types that Python does not know.

    `fill` gives a new row the value of a column whose default varies, such as now(), unless the fold gives one; later
    rows keep it. Without `fill`, as where nothing is stored, such a column is NULL.
    """

    def __init__(
        self, key: Sequence[str], columns: Sequence[Column], probe: Probe = in_python_alone, fill: Fill | None = None
    ) -> None:
        self._columns = {column.name: column for column in columns if not column.generated}
        others = [column for name, column in self._columns.items() if name not in key]
        self._key, self._key_names, self._probe, self._fill = tuple(key), frozenset(key), probe, fill
        self._varying = [column for column in others if column.default_varies]
        self._blank: Row = dict.fromkeys((*key, *(column.name for column in others)))
        self._converters = {column.name: converter(column) for column in others}
        self._needed = any(column.required or column.default_varies for column in others)
        # An immutable value that the fold passes on as it got it needs no conversion.
        self._fixed = {*key, *(column.name for column in others if column.kind in _SCALARS)}
        self._ambiguous = tuple(column.name for column in others if not _equality_is_exact(column))

    def read_back(self, key: Key, given: Any, before: Row | None = None) -> Row | None:
        """The row of `key` as it is read back after `given` was written over `before`; None for no row.

        Raises `NotStorable`, and what `probe` raises.
        """
        if given is None:
            return None
        return self._row(key, given if type(given) is dict else _as_row(given), before or {})

    def _row(self, key: Key, row: Row, was: Row) -> Row:
        kept = self._blank | row
        asked = self._take(kept, key, row, was)
        if not self._key_names <= row.keys():
            kept.update(zip(self._key, key, strict=True))
        for name in asked:
            kept[name] = self._probe(self._columns[name], row[name])
        if self._needed and None in kept.values():
            self._fill_up(kept, was)
        return kept

    def _take(self, kept: Row, key: Key, row: Row, was: Row) -> list[str]:
        """Put the stored form of the values in `row` into `kept`; the columns that only PostgreSQL knows."""
        asked: list[str] = []
        name = ""
        try:
            for name, value in row.items():
                if value is was.get(name) and name in self._fixed:
                    continue
                if (take := self._converters.get(name)) is None:
                    kept[name] = self._of_key(name, key, value)
                elif value is not None and (found := take(value)) is not value:
                    kept[name] = found
                    if found is NEEDS_POSTGRESQL:
                        asked.append(name)
        except _WrongColumn:
            raise
        except Exception as error:  # such as code of a subclass of str
            raise NotStorable(
                f"column {name!r} of type {self._columns[name].type} cannot keep it: {in_one_line(error)}"
            ) from error
        return asked

    def _fill_up(self, kept: Row, was: Row) -> None:
        for column in self._varying:
            if kept[column.name] is None:
                kept[column.name] = was[column.name] if was else self._fill and self._fill(column)
        for name, value in kept.items():
            column = self._columns[name]
            if value is None and column.required and not column.default_varies and name not in self._key:
                raise NotStorable(f"column {name!r} may not be NULL, and evolve gives it no value")

    def _of_key(self, name: str, key: Key, given: Any) -> Any:
        if name not in self._key:
            known = ", ".join(self._blank)
            raise _WrongColumn(f"evolve gives {name!r}, and its table takes no such column; it takes {known}")
        part = key[self._key.index(name)]
        try:
            same = given == part or self._columns[name].as_key(given) == part
        except Exception:  # noqa: BLE001 what has no place in the column is not the same
            same = False
        if not same:
            raise _WrongColumn(f"evolve gives key column {name!r} another value than the row's key has; leave it out")
        return part

    def comparable(self, rows: Mapping[Key, Row]) -> dict[Key, tuple[str, ...]]:
        """Distinguishes rows that are equal in Python but not in the table, such as 0 and False in JSON.

        Empty if no column needs it. Take it before the fold gets the rows, since the fold may change nested values.
        """
        if not self._ambiguous:
            return {}
        return {key: tuple([repr(row[name]) for name in self._ambiguous]) for key, row in rows.items()}


def _as_row(given: Any) -> Row:
    if not isinstance(given, Mapping):
        raise NotStorable(f"evolve gives a {type(given).__name__}, where a row is a dict of columns, or None")
    try:
        return dict(given)
    except Exception as error:
        raise NotStorable(f"evolve gives a row that cannot be read ({in_one_line(error)})") from error


def _equality_is_exact(column: Column) -> bool:
    """Whether two stored values of the column are the same exactly if Python finds them equal."""
    return column.kind in _SCALARS or (column.kind is Kind.NUMERIC and column.type != "numeric")
