"""Comparing: what publishing a generation would change for readers, row by row, counted by column.

Both generations are seen in one snapshot. They may have come to different positions; keys that events between the two
touch are left out, since those rows may differ rightly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acci.domain.projections import Projection
from acci.domain.projections.columns import Column
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.expressions import Element, as_text
from acci.store.compiling.statements import text_of
from acci.store.generations.generations import Generation
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection
from acci.store.projecting.affected_keys import TOUCHED, note_keys
from acci.store.projecting.compared_columns import Given, determined, differs, nothing
from acci.store.projecting.ranges import Key

EXAMPLES = 10


@dataclass(frozen=True)
class Comparison:
    """What the new generation changes: rows `added`, `removed` and `changed` of the `live` ones, and where.

    `columns` counts the rows in which a column differs; `examples` are keys with the columns that differ. `moving` keys
    were left out. `new_columns` and `gone_columns` are told by name only.
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


def compare(
    connection: Connection,
    projection: type[Projection],
    live: Generation,
    new: Generation,
    given: Given = nothing,
) -> Comparison:
    """How `new` differs from `live` in what events determine, both seen in the caller's one snapshot.

    `given` tells which columns a fold in Python gives.
    """
    old_table, new_table = live.read_model(connection), new.read_model(connection)
    first, last = sorted([live.checkpoint, new.checkpoint])
    moving = note_keys(connection, projection, new_table, Selection(first, last))
    meant = determined(connection, projection, new_table, given)
    return _compared(connection, _Tables(projection.key, old_table, new_table, meant, but=TOUCHED), moving)


def compare_touched(
    connection: Connection, projection: type[Projection], expected: ReadModel, stored: ReadModel
) -> Comparison:
    """How the rows of the keys in `touched` differ from those expected, in the columns of `expected`; every one that
    does is an example."""
    return _compared(connection, _Tables(projection.key, expected, stored, expected, only=TOUCHED), 0, None)


def _compared(connection: Connection, tables: "_Tables", moving: int, most: int | None = EXAMPLES) -> Comparison:
    names = [name for name, _ in tables.differing]
    row = connection.execute(text_of(tables.counts()).encode(), ()).fetchone() or ()
    before, added, removed, changed, *by_column = (int(count) for count in row)
    examples = connection.execute(text_of(tables.examples().limit(most)).encode(), ()).fetchall()
    return Comparison(
        before,
        added,
        removed,
        changed,
        moving,
        {name: count for name, count in zip(names, by_column, strict=True) if count},
        _names(tables.new, tables.old),
        _names(tables.old, tables.new),
        tuple((key, _differences(names, rest)) for key, *rest in examples),
    )


class _Tables:
    """The full join of two tables on the projection's key: without the keys in `but`, or of those in `only`.

    Compared are the columns of `meant` that both have.
    """

    def __init__(
        self,
        key: Sequence[str],
        old: ReadModel,
        new: ReadModel,
        meant: ReadModel,
        but: sa.TableClause | None = None,
        only: sa.TableClause | None = None,
    ) -> None:
        self.old, self.new = old, new
        self._old, self._new = _table(old, "old"), _table(new, "new")
        self._there_before, self._there_now = self._old.c[key[0]].is_not(None), self._new.c[key[0]].is_not(None)
        same_types = {column.name: column.type for column in new.columns}
        names = {column.name for column in meant.columns if column.name in same_types and column.name not in key}
        on = sa.and_(*(self._alike(old.column(name), same_types[name]) for name in key))
        self._joined = self._old.join(self._new, on, full=True)
        parts = (sa.func.coalesce(as_text(self._new.c[name]), as_text(self._old.c[name])) for name in key)
        self._key: Element = sa.cast(postgresql.array(list(parts)), postgresql.ARRAY(sa.Text))
        both = sa.and_(self._there_before, self._there_now)
        self.differing: list[tuple[str, Element]] = [
            (
                column.name,
                sa.and_(
                    both, differs(column, self._old.c[column.name], self._new.c[column.name], same_types[column.name])
                ),
            )
            for column in old.columns
            if column.name in names
        ]
        self._some = sa.or_(sa.false(), *(differs for _, differs in self.differing))
        self._meant: list[Element] = []
        if but is not None:
            self._meant.append(sa.not_(sa.exists().where(but.c.key == self._key).correlate(self._old, self._new)))
        if only is not None:
            self._meant.append(self._key.in_(sa.select(only.c.key)))

    def counts(self) -> sa.Select[Any]:
        def count(condition: Element) -> Element:
            return sa.func.count().filter(condition)

        return (
            sa.select(
                count(self._there_before),
                count(sa.not_(self._there_before)),
                count(sa.not_(self._there_now)),
                count(self._some),
                *(count(differs) for _, differs in self.differing),
            )
            .select_from(self._joined)
            .where(*self._meant)
        )

    def examples(self) -> sa.Select[Any]:
        """Rows that differ: the key, whether it was there, whether it is, and whether each column differs."""
        one_sided = sa.or_(sa.not_(self._there_before), sa.not_(self._there_now))
        return (
            sa.select(self._key, self._there_before, self._there_now, *(differs for _, differs in self.differing))
            .select_from(self._joined)
            .where(*self._meant, sa.or_(one_sided, self._some))
        )

    def _alike(self, column: Column, new_type: str) -> Element:
        """Whether the key column is the same on both sides, as text if its type is another one now."""
        before, now = self._old.c[column.name], self._new.c[column.name]
        return before == now if column.type == new_type else as_text(before) == as_text(now)


def _table(read_model: ReadModel, alias: str) -> sa.FromClause:
    table = sa.table(read_model.name, *(sa.column(c.name) for c in read_model.columns), schema=read_model.schema)
    return table.alias(alias)


def _names(these: ReadModel, others: ReadModel) -> tuple[str, ...]:
    known = {column.name for column in others.columns}
    return tuple(column.name for column in these.columns if column.name not in known)


def spelled_key(key: Key) -> str:
    """The key for people."""
    return "/".join("NULL" if part is None else part for part in key)


def _differences(names: list[str], row: Sequence[bool]) -> str:
    there_before, there_now, *differs = row
    if not there_before:
        return "added"
    if not there_now:
        return "removed"
    return ", ".join(name for name, different in zip(names, differs, strict=True) if different)
