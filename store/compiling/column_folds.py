"""Column folds: how one column's values over many events become one, and how that changes the stored value."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import True_

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.tree import Constant
from acci.domain.projections import Insert, Upsert
from acci.domain.projections.columns import Column
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.actions import Actions
from acci.store.compiling.column_types import Element, as_text, bytewise, default_of, in_type_of
from acci.store.compiling.column_values import writers
from acci.store.compiling.placement import Placed, with_verbs

ORDER_BASE = 10**18  # positions below it have 19 digits with it added, so their text sorts as they do


@dataclass(frozen=True)
class ColumnFold:
    """One column's fold over the rows of `actions`; `writers` are the actions that give it a value."""

    actions: Actions
    name: str
    kind: FoldKind
    column: Column
    writers: tuple[Placed, ...]

    def aggregate(self, rows: sa.FromClause) -> Element:
        """The fold over a group of `rows`, in a form that `_decoded` reads."""
        kind, value = self.kind, rows.c[self.name]
        written = self.actions.is_one_of(rows, self.writers)
        folded: Element
        if kind is FoldKind.PUT:
            # `first` skips NULL, so values that may be NULL are wrapped.
            folded = sa.func.acci.first(postgresql.array([value]) if self._nullable else value)
        elif kind is FoldKind.KEEP:
            order = as_text(rows.c.acci_ord + ORDER_BASE)
            folded = sa.func.min(bytewise(order.op("||")(as_text(value))))
        elif kind is FoldKind.ADD and self._counts:
            return sa.func.nullif(over(sa.func.count(), written), 0)
        elif kind is FoldKind.ADD:
            folded = sa.func.sum(value)
        else:
            least_or_greatest = sa.func.min if kind is FoldKind.MINIMUM else sa.func.max
            folded = least_or_greatest(self._comparable(value))
        return over(folded, written)

    def in_new_row(self, folded: sa.FromClause) -> Element:
        """The column's value in a new row, from `folded`, which has the aggregate."""
        start = self._start(folded)
        return in_type_of(self.column, self._decoded(folded)) if start is None else self.onto(folded, start)

    def onto(self, folded: sa.FromClause, before: Element) -> Element:
        """The column's value in a row that had `before` there.

        A NULL on either side leaves the other, except that a NULL that is put wins.
        """
        kind, column, value = self.kind, self.column, self._decoded(folded)
        if kind is FoldKind.PUT:
            return sa.case((folded.c[self.name].is_not(None), value), else_=before)
        if kind is FoldKind.ADD:  # the whole sum may fit although a part of it does not
            return in_type_of(column, sa.func.coalesce(before + value, before, value))
        if kind is FoldKind.KEEP:
            return sa.func.coalesce(before, value)
        ordering = sa.func.least if kind is FoldKind.MINIMUM else sa.func.greatest
        return ordering(bytewise(before) if column.is_character else before, value)

    @property
    def starters(self) -> list[Placed]:
        """The actions that start the fold: Inserts that give a bare value to a column that is not put.

        Example: `Insert(total=event.data.first)` for a column that other rules `add` to.
        """
        if self.kind is FoldKind.PUT:
            return []
        inserts = [placed for placed in with_verbs(self.writers, Insert) if self.name in placed.action.columns]
        return [placed for placed in inserts if placed.action.columns[self.name].kind is FoldKind.PUT]

    @property
    def starts_in_some_rows(self) -> bool:
        """Whether a row's start, default or bare value, depends on the action that makes the row."""
        return self.column.default is not None and len(self._makers_start) > 1

    @property
    def _makers_start(self) -> set[bool]:
        """Whether each action that makes a row starts the fold: {True}, {False}, or both."""
        starters = self.starters
        return {placed in starters for placed in with_verbs(self.actions.placed, Insert, Upsert)}

    def _start(self, folded: sa.FromClause) -> Element | None:
        """Where the fold starts in a new row: at the table's default, unless an Insert gives a bare value."""
        default = default_of(self.column)
        if self.starts_in_some_rows:
            return sa.case((sa.not_(folded.c[f"acci_starts_{self.name}"]), default))
        return None if self._makers_start == {True} or self.column.default is None else default

    def _decoded(self, folded: sa.FromClause) -> Element:
        """The folded value, of the column's type unless a sum; NULL also where no event of the range wrote it."""
        value: Element = folded.c[self.name]
        if self.kind is FoldKind.ADD:
            return value
        if self.kind is FoldKind.PUT and self._nullable:
            value = sa.type_coerce(value, postgresql.ARRAY(sa.Text))[1]
        elif self.kind is FoldKind.KEEP:
            value = sa.func.substr(value, len(str(ORDER_BASE)) + 1)
        return in_type_of(self.column, value)

    @property
    def _nullable(self) -> bool:
        return any(
            action.columns[self.name].value.nullable if self.name in action.columns else self.column.default is None
            for action in (placed.action for placed in self.writers)
        )

    @property
    def _counts(self) -> bool:
        """Whether every action adds one to the column: counting takes a third of the time of summing."""
        values = [placed.action.columns[self.name].value for placed in self.writers]
        return all(isinstance(value, Constant) and value.kind is Kind.INTEGER and value.value == 1 for value in values)

    def _comparable(self, value: Element) -> Element:
        """PostgreSQL before 18 has no min(uuid); as text, UUIDs sort the same."""
        return bytewise(as_text(value)) if self.column.is_character or self.column.kind is Kind.UUID else value


def column_folds(actions: Actions) -> dict[str, ColumnFold]:
    """The fold of each column whose values the request needs."""
    projection, read_model = actions.request.projection, actions.request.read_model
    folds = {}
    for name in actions.request.values:
        writing = writers(projection, actions.placed, name)
        folds[name] = ColumnFold(actions, name, projection.folds[name], read_model.by_name[name], writing)
    return folds


def over(aggregate: sa.Function[Any], wanted: Element | None) -> Element:
    """The aggregate over the rows for which `wanted` holds; over all for None (no row could matter) and for TRUE."""
    return aggregate if wanted is None or isinstance(wanted, True_) else aggregate.filter(wanted)
