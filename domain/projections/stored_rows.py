"""Keeping: what a fold in Python returns, as its table gives it back to the next event.

One rule for every engine, so that neither the end of a batch nor the machine that folds changes a row: after each event
the fold meets the row with all of its columns, each value as PostgreSQL keeps it. What the table cannot keep, or would
give back as something else, makes the event one that cannot be applied.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.values import from_text
from acci.domain.projections.columns import Column
from acci.domain.projections.stored_values import ASK, NotKept, taker, told

Row = dict[str, Any]
Key = tuple[Any, ...]
_SCALARS = (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.UUID, Kind.DATE, Kind.TIMESTAMP)


class _NotThere(NotKept):
    """The table has no such column, or another value there."""


Ask = Callable[[Column, Any], Any]
"""What becomes of a value in a column where it takes PostgreSQL to know. Raises `NotKept`."""

Fill = Callable[[Column], Any]
"""What the default of a column gives now."""


def by_rules(column: Column, value: Any) -> Any:
    """The answer without PostgreSQL: right for the types that rules know; others are taken to keep what they get."""
    try:
        if isinstance(value, str) and column.kind not in (None, Kind.TEXT):
            value = from_text(column.kind, value)
        return column.stored(column.converted(value))
    except ValueError as error:
        raise NotKept(str(error)) from error


class Keeper:
    """Keeps the rows of one table; `ask` knows of the types that Python alone does not.

    A column whose default is another value each time has that in a new row, from `fill`, and keeps it, where it is not
    given. Where there is no `fill`, nothing is stored, and it has none.
    """

    def __init__(
        self, key: Sequence[str], columns: Sequence[Column], ask: Ask = by_rules, fill: Fill | None = None
    ) -> None:
        self._columns = {column.name: column for column in columns if not column.generated}
        others = [column for name, column in self._columns.items() if name not in key]
        self._key, self._key_names, self._ask, self._fill = tuple(key), frozenset(key), ask, fill
        self._passing = [column for column in others if column.passing]
        self._blank: Row = dict.fromkeys((*key, *(column.name for column in others)))
        self._takers = {column.name: taker(column) for column in others}
        self._needed = any(column.required or column.passing for column in others)
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
        kept = self._blank | row
        asked = self._take(kept, key, row, was)
        if not self._key_names <= row.keys():
            kept.update(zip(self._key, key, strict=True))
        for name in asked:
            kept[name] = self._ask(self._columns[name], row[name])
        if self._needed and None in kept.values():
            self._fill_up(kept, was)
        return kept

    def _take(self, kept: Row, key: Key, row: Row, was: Row) -> list[str]:
        """Put into `kept` what becomes of the values in `row`; the columns that it takes PostgreSQL to know of."""
        asked: list[str] = []
        name = ""
        try:
            for name, value in row.items():
                if value is was.get(name) and name in self._fixed:
                    continue
                if (take := self._takers.get(name)) is None:
                    kept[name] = self._of_key(name, key, value)
                elif value is not None and (found := take(value)) is not value:
                    kept[name] = found
                    if found is ASK:
                        asked.append(name)
        except _NotThere:
            raise
        except Exception as error:  # such as a text's own code
            raise NotKept(
                f"column {name!r} of type {self._columns[name].type} cannot keep it: {told(error)}"
            ) from error
        return asked

    def _fill_up(self, kept: Row, was: Row) -> None:
        for column in self._passing:
            if kept[column.name] is None:
                kept[column.name] = was[column.name] if was else self._fill and self._fill(column)
        for name, value in kept.items():
            column = self._columns[name]
            if value is None and column.required and not column.passing and name not in self._key:
                raise NotKept(f"column {name!r} may not be NULL, and evolve gives it no value")

    def _of_key(self, name: str, key: Key, given: Any) -> Any:
        if name not in self._key:
            known = ", ".join(self._blank)
            raise _NotThere(f"evolve gives {name!r}, and its table takes no such column; it takes {known}")
        part = key[self._key.index(name)]
        try:
            same = given == part or self._columns[name].as_key(given) == part
        except Exception:  # noqa: BLE001 what has no place in the column is not the same
            same = False
        if not same:
            raise _NotThere(f"evolve gives key column {name!r} another value than the row's key has; leave it out")
        return part

    def spelled(self, rows: Mapping[Key, Row]) -> dict[Key, tuple[str, ...]]:
        """What tells of kept rows whether they differ from others where Python's == does not, as of 0 and False.

        Empty if the table has no such column. Taken before a fold meets them, since it may change what is nested.
        """
        if not self._telling:
            return {}
        return {key: tuple([repr(row[name]) for name in self._telling]) for key, row in rows.items()}


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
