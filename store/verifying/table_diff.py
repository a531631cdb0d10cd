"""Table diff: the rows in which two tables of one read model differ, by key and by column.

The gate compares a new generation with the live one, and a sample with what the reference engine makes; audits compare
all rows with what their events give. What counts as equal is said once, here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acci.domain.projections import Projection
from acci.domain.projections.columns import Column
from acci.store.compiling.column_types import Element, as_text, bytewise
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.parameters import Placeholder
from acci.store.compiling.text import text_of
from acci.store.extras import needs
from acci.store.generations.generations import Generation
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection
from acci.store.projecting.affected_keys import COLLECTED_KEYS, collect_affected_keys, key_as_texts
from acci.store.projecting.compared_columns import Given, determined, nothing
from acci.store.projecting.ranges import Key

with needs("projections"):
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql

EXAMPLES = 10
BY_VALUE = "NDBT"  # numbers, timestamps, booleans, intervals: 1.0 is 1.00; all else must agree to the byte
Condition = Callable[[sa.FromClause, Sequence[str]], Element]  # on a row of a table, by the names of its key
NO_PARAMETERS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Comparison:
    """What the new table changes: rows `added`, `removed` and `changed` of the `live` ones, and where.

    `columns` counts the rows in which a column differs; `examples` are keys with the columns that differ. `moving` keys
    were left out. `new_columns` and `gone_columns` are given by name only.
    """

    live: int
    added: int
    removed: int
    changed: int
    moving: int
    columns: dict[str, int]
    new_columns: tuple[str, ...]
    gone_columns: tuple[str, ...]
    examples: tuple[tuple[Key, str], ...]

    @property
    def share(self) -> float:
        """The part of the live rows that goes or changes, from 0 to 1."""
        return (self.removed + self.changed) / self.live if self.live else 0.0


@dataclass(frozen=True)
class Difference:
    """A row that differs: `before` and `after` have its values as text, None where there is no row.

    `columns` are those that differ; none of a row that is on one side only.
    """

    key: Key
    before: dict[str, str | None] | None
    after: dict[str, str | None] | None
    columns: tuple[str, ...]

    def __str__(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else ", ".join(self.columns)


def compare(
    connection: Connection,
    projection: type[Projection],
    live: Generation,
    new: Generation,
    given: Given = nothing,
) -> Comparison:
    """How `new` differs from `live` in what events determine, both seen in the caller's one snapshot.

    Their checkpoints may differ: keys that events between the two affect are left out, since those rows may rightly
    differ. `given` says which columns a Python fold gives.
    """
    before, after = live.read_model(connection), new.read_model(connection)
    first, last = sorted([live.checkpoint, new.checkpoint])
    moving = collect_affected_keys(connection, projection, after, Selection(first, last))

    compared = determined(projection, after, given)
    diff = TableDiff(projection.key, before, after, compared, [_is_unmoved] if moving else [])
    return diff.summary(connection, moving)


def compare_collected(
    connection: Connection, projection: type[Projection], expected: ReadModel, stored: ReadModel
) -> Comparison:
    """How the rows of the keys in `affected_keys` differ from those expected, in the columns of `expected`.

    Each row that does is an example.
    """
    diff = TableDiff(projection.key, expected, stored, expected, [is_affected])
    return diff.summary(connection, most=None)


def is_affected(table: sa.FromClause, key: Sequence[str]) -> Element:
    """The condition that the row's key is in the temporary table `affected_keys`."""
    return key_as_texts(table, key).in_(sa.select(COLLECTED_KEYS.c.key))


def _is_unmoved(table: sa.FromClause, key: Sequence[str]) -> Element:
    """That the row's key is not in it."""
    return sa.not_(sa.exists().where(COLLECTED_KEYS.c.key == key_as_texts(table, key)).correlate(table))


class TableDiff:
    """The full join of two tables on the key, compared in those columns of `compared` that both have.

    Each side is narrowed to the rows that meet all `conditions` before the join, which leaves less to join, and no row
    unpaired by it.
    """

    def __init__(
        self,
        key: Sequence[str],
        before: ReadModel,
        after: ReadModel,
        compared: ReadModel,
        conditions: Sequence[Condition] = (),
    ) -> None:
        self._new_columns, self._gone_columns = _names(after, before), _names(before, after)
        types = {column.name: column.type for column in after.columns}
        names = {column.name for column in compared.columns if column.name in types and column.name not in key}
        self._before, self._after = (
            _side(read_model, name, key, conditions) for read_model, name in ((before, "before"), (after, "after"))
        )
        self._was, self._is = self._before.c[key[0]].is_not(None), self._after.c[key[0]].is_not(None)
        both = [column for column in before.columns if column.name in names]
        self._differing: dict[str, Element] = {
            name: sa.and_(self._was, self._is, differs)
            for name, differs in _differing(both, self._before, self._after, types).items()
        }
        self._some = sa.or_(sa.false(), *self._differing.values())
        parts = (sa.func.coalesce(as_text(self._after.c[name]), as_text(self._before.c[name])) for name in key)
        self._key: Element = sa.cast(postgresql.array(list(parts)), postgresql.ARRAY(sa.Text))
        # The key is the same as text where its type is another one now.
        pairs = [(self._before.c[name], self._after.c[name], before.by_name[name].type == types[name]) for name in key]
        on = (old == new if same_type else as_text(old) == as_text(new) for old, new, same_type in pairs)
        self._joined = self._before.join(self._after, sa.and_(*on), full=True)
        self._rows = text_of(self._differences()).encode()

    def differences(
        self, connection: Connection, most: int | None = None, parameters: Mapping[str, Any] = NO_PARAMETERS
    ) -> list[Difference]:
        """The rows that differ, at most so many, in order of key; `parameters` are those of what narrows the sides."""
        names = list(self._differing)
        return [
            Difference(key, _by_name(names, before), _by_name(names, after), _named(names, different))
            for key, before, after, *different in connection.execute(self._rows, {**parameters, "most": most})
        ]

    def summary(self, connection: Connection, moving: int = 0, most: int | None = EXAMPLES) -> Comparison:
        """How many rows differ, and at most so many examples."""
        row = connection.execute(text_of(self._counts()).encode(), ()).fetchone() or ()
        live, added, removed, changed, *by_column = (int(count) for count in row)
        examples = self.differences(connection, most) if added or removed or changed else []
        columns = {name: count for name, count in zip(self._differing, by_column, strict=True) if count}
        listed = tuple((each.key, str(each)) for each in examples)
        return Comparison(live, added, removed, changed, moving, columns, self._new_columns, self._gone_columns, listed)

    def _counts(self) -> sa.Select[Any]:
        counted = (self._was, sa.not_(self._was), sa.not_(self._is), self._some, *self._differing.values())
        return sa.select(*(sa.func.count().filter(each) for each in counted)).select_from(self._joined)

    def _differences(self) -> sa.Select[Any]:
        """The key, the values of each side as text, or NULL if it has no such row, and whether each column differs."""
        values = self._values(self._before, self._was), self._values(self._after, self._is)
        return (
            sa.select(self._key.label("key"), *values, *self._differing.values())
            .select_from(self._joined)
            .where(sa.or_(sa.not_(self._was), sa.not_(self._is), self._some))
            .order_by(sa.text("key"))
            .limit(Placeholder("most", sa.BigInteger()))
        )

    def _values(self, side: sa.FromClause, there: Element) -> Element:
        texts = postgresql.array([as_text(side.c[name]) for name in self._differing])
        return sa.case((there, sa.cast(texts, postgresql.ARRAY(sa.Text))))


def spelled_key(key: Key) -> str:
    """The key for people."""
    return "/".join("NULL" if part is None else part for part in key)


def _side(read_model: ReadModel, name: str, key: Sequence[str], conditions: Sequence[Condition]) -> sa.FromClause:
    columns: list[sa.ColumnClause[Any]] = [sa.column(column.name) for column in read_model.columns]
    table = sa.table(read_model.name, *columns, schema=read_model.schema).alias(f"all_{name}")
    return sa.select(table).where(*(condition(table, key) for condition in conditions)).subquery(name)


def _names(these: ReadModel, others: ReadModel) -> tuple[str, ...]:
    known = {column.name for column in others.columns}
    return tuple(column.name for column in these.columns if column.name not in known)


def _by_name(names: list[str], values: list[str | None] | None) -> dict[str, str | None] | None:
    return None if values is None else dict(zip(names, values, strict=True))


def _named(names: list[str], different: Sequence[bool]) -> tuple[str, ...]:
    return tuple(name for name, one in zip(names, different, strict=True) if one)


def _differing(
    columns: Iterable[Column], before: sa.FromClause, now: sa.FromClause, types_now: Mapping[str, str]
) -> dict[str, Element]:
    """Whether the values of each column are not the same; as text if its type is another one now."""
    return {
        column.name: _differs(column, before.c[column.name], now.c[column.name], types_now[column.name])
        for column in columns
    }


def _differs(column: Column, before: Element, now: Element, type_now: str) -> Element:
    if column.category in BY_VALUE and type_now == column.type:
        return before.is_distinct_from(now)
    return bytewise(as_text(before)).is_distinct_from(bytewise(as_text(now)))
