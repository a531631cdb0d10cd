"""Folding: a range of events to one row a key, which says what becomes of the stored row.

Most keys fold in one pass over the events, the newest first: the last value of a column is the first that comes, a
sum is a sum. Hashing keeps the order in which rows come; `projecting/settings` sees to it that nothing else is chosen.
That is wrong only for a key with a *void* action: one whose effect a later one in the range undoes. Such keys are found
in the same pass, and folded a second time from the action that starts their row.

    Upsert(total=add(5)), Delete(), Upsert(total=add(2))    the 5 is void: the total is 2
    Update(name="a"), Upsert(age=3)                         without a stored row, the Update is void
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from acci.domain.projections import Delete, Insert, Update, Upsert
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.actions import Actions
from acci.store.compiling.column_folds import ColumnFold, column_folds, over
from acci.store.compiling.column_types import Element
from acci.store.compiling.placement import with_verbs
from acci.store.compiling.request import Request

NEVER = -1
LAST = {Insert: "acci_inserted", Delete: "acci_deleted", Upsert: "acci_upserted"}
NOTHING = sa.cast(sa.null(), sa.BigInteger)


@dataclass(frozen=True)
class Folded:
    """A SELECT of one row a key, and how the columns of a read model's row come from it.

    `query` has the key, each column's aggregate, and three flags. `acci_gone`: the row is deleted. `acci_replaced`:
    a new row replaces a stored one. `acci_makes`: there is a row afterwards, even if there was none.
    """

    request: Request
    query: sa.Select[Any]
    columns: dict[str, ColumnFold]

    def key(self, rows: sa.FromClause) -> dict[str, Element]:
        """The key's columns. `rows` is `query` as an element of FROM, here and below."""
        return {name: rows.c[name] for name in self.request.projection.key}

    def new_row(self, rows: sa.FromClause) -> dict[str, Element]:
        """The columns of a row that is new."""
        return {name: column.in_new_row(rows) for name, column in self.columns.items()}

    def changed_row(self, rows: sa.FromClause, stored: sa.FromClause) -> dict[str, Element]:
        """The columns of a row that stays: what is folded, onto what is stored."""
        return {name: column.onto(rows, stored.c[name]) for name, column in self.columns.items()}


def folded(actions: Actions) -> Folded:
    """The actions folded to one row a key."""
    columns = column_folds(actions)
    return Folded(actions.request, _Folding(actions, columns).query(), columns)


class _Folding:
    """How the query of `Folded` is made."""

    def __init__(self, actions: Actions, columns: dict[str, ColumnFold]) -> None:
        self._request, self._actions, self._columns = actions.request, actions, columns
        self._has = {verb: bool(with_verbs(actions.placed, verb)) for verb in (Insert, Update, Upsert, Delete)}
        self._starting = [name for name, column in columns.items() if column.starts_in_some_rows]

    def query(self) -> sa.Select[Any]:
        puts = any(column.kind is FoldKind.PUT for column in self._columns.values())
        rows = self._actions.newest_first() if puts else self._actions.rows()
        once = sa.select(*self._key(rows), *self._places(rows), *self._aggregates(rows)).group_by(*self._key(rows))
        if not self._can_be_void():
            found = once.subquery("folded")
            return sa.select(*self._key(found), *self._flags(found), *(found.c[name] for name in self._columns))
        first = once.cte("folded")
        again = self._refolded(first)
        void = self._void(first)
        columns = [sa.case((void, again.c[name]), else_=first.c[name]).label(name) for name in self._columns]
        return sa.select(*self._key(first), *self._flags(first), *columns).select_from(
            first.outerjoin(again, self._same_key(first, again))
        )

    def _key(self, rows: sa.FromClause) -> list[Any]:
        return [rows.c[name] for name in self._request.projection.key]

    def _same_key(self, left: sa.FromClause, right: sa.FromClause) -> Element:
        return sa.and_(*(left.c[name] == right.c[name] for name in self._request.projection.key))

    def _aggregates(self, rows: sa.FromClause) -> list[Any]:
        return [column.aggregate(rows).label(name) for name, column in self._columns.items()]

    def _places(self, rows: sa.FromClause) -> list[Any]:
        """The places of the actions that decide what becomes of the row."""
        columns = []
        for verb in (Insert, Delete, Upsert):
            done = self._actions.is_one_of(rows, with_verbs(self._actions.placed, verb))
            columns.append(_last(rows, done).label(LAST[verb]))
        for name in self._starting:
            started = self._actions.is_one_of(rows, self._columns[name].starters)
            columns.append(_last(rows, started).label(f"acci_started_{name}"))
        if self._can_be_void():
            columns.append(sa.func.min(rows.c.acci_ord).label("acci_first"))
            updated = self._actions.is_one_of(rows, with_verbs(self._actions.placed, Update))
            first_update = NOTHING if updated is None else over(sa.func.min(rows.c.acci_ord), updated)
            columns.append(first_update.label("acci_first_update"))
        return columns

    def _flags(self, once: sa.FromClause) -> list[Any]:
        """What becomes of the row, see `Folded`; and for the columns that need it, whether an Insert starts them."""
        inserted, deleted, upserted = (sa.func.coalesce(once.c[LAST[verb]], NEVER) for verb in LAST)
        gone: Element = sa.and_(deleted > inserted, deleted > upserted) if self._has[Delete] else sa.false()
        replaced: Element = sa.and_(sa.func.greatest(inserted, deleted) > NEVER, sa.not_(gone))
        if not (self._has[Insert] or self._has[Delete]):
            replaced = sa.false()
        starting = (
            sa.and_(sa.func.coalesce(once.c[f"acci_started_{name}"], NEVER) == inserted, inserted > deleted)
            for name in self._starting
        )
        return [
            *(starts.label(f"acci_starts_{name}") for starts, name in zip(starting, self._starting, strict=True)),
            replaced.label("acci_replaced"),
            gone.label("acci_gone"),
            self._makes(replaced, gone, upserted).label("acci_makes"),
        ]

    def _makes(self, replaced: Element, gone: Element, upserted: Element) -> Element:
        """Whether there is a row afterwards, even if there was none."""
        if not self._has[Upsert]:
            return replaced
        only = not (self._has[Insert] or self._has[Update] or self._has[Delete])
        return sa.true() if only else sa.or_(replaced, sa.and_(upserted > NEVER, sa.not_(gone)))

    # -- keys with void actions ---------------------------------------------------------------------------------

    def _can_be_void(self) -> bool:
        barriers = self._has[Insert] or self._has[Delete]
        sums = any(column.kind is not FoldKind.PUT for column in self._columns.values())
        return (barriers and sums) or (self._has[Update] and self._has[Upsert])

    def _void(self, once: sa.FromClause) -> Element:
        """Whether the key may have a void action: any before an Insert or Delete, or an Update before an Upsert."""
        barrier = sa.func.greatest(once.c.acci_inserted, once.c.acci_deleted)
        return sa.func.coalesce(
            sa.or_(
                sa.func.coalesce(barrier > once.c.acci_first, sa.false()),
                sa.func.coalesce(once.c.acci_first_update < once.c.acci_upserted, sa.false()),
            )
        )

    def _refolded(self, once: sa.CTE) -> sa.CTE:
        """The keys with void actions, folded from the action that starts their row."""
        rows = self._actions.newest_first("replayed", self._starts(once))
        return sa.select(*self._key(rows), *self._aggregates(rows)).group_by(*self._key(rows)).cte("refolded")

    def _starts(self, once: sa.CTE) -> sa.CTE:
        """The place from which each key with void actions is folded again."""
        rows = self._actions.rows("again")
        inserted = sa.func.coalesce(once.c.acci_inserted, NEVER)
        deleted = sa.func.coalesce(once.c.acci_deleted, NEVER)
        upserted = self._actions.is_one_of(rows, with_verbs(self._actions.placed, Upsert))
        first_upsert: Element = NOTHING
        if upserted is not None:
            first_upsert = sa.func.min(rows.c.acci_ord).filter(sa.and_(upserted, rows.c.acci_ord > deleted))
        start: Element = sa.case((inserted > deleted, inserted), else_=first_upsert)
        if not self._request.table_is_empty:
            there = sa.exists().where(self._same_key(self._request.stored, once)).correlate(once)
            start = sa.case((sa.and_(inserted == NEVER, deleted == NEVER, there), NEVER), else_=start)
        return (
            sa.select(*self._key(once), start.label("start"))
            .select_from(once.join(rows, self._same_key(once, rows)))
            .where(self._void(once))
            .group_by(*self._key(once), once.c.acci_inserted, once.c.acci_deleted)
            .cte("starts")
        )


def _last(rows: sa.FromClause, done: Element | None) -> Element:
    """The place of the last action for which `done` holds."""
    return NOTHING if done is None else over(sa.func.max(rows.c.acci_ord), done)
