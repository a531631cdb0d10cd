"""Folding: a range of events to one row a key, with a verdict on what becomes of the stored row.

Most keys fold in one pass over the events, the newest first: the last value of a column is the first that comes, a
sum is a sum. Hashing keeps the order in which rows come; `projecting/settings` sees to it that nothing else is chosen.
That is wrong only for a key with an action that a later one in the range makes void (a sum before an Insert, an
Update before there is a row). Such keys are found in the same pass and folded anew from where they start.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import True_

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.tree import Constant
from acci.domain.projections import Delete, Insert, Projection, Update, Upsert
from acci.domain.projections.rules import Action
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.actions import ORDER_BASE, Actions, Keep, Require
from acci.store.compiling.expressions import Element, as_text, bytewise, default_of, in_type_of, translate
from acci.store.generations.tables import ReadModel

NEVER = -1
LAST = {Insert: "acci_inserted", Delete: "acci_deleted", Upsert: "acci_upserted"}
NOTHING = sa.cast(sa.null(), sa.BigInteger)


class Folding:
    """The folded rows of a projection: `final()` has the key, a verdict and a folded value for each column."""

    def __init__(
        self,
        projection: type[Projection],
        read_model: ReadModel,
        narrow: Callable[[], list[Element]],
        keep: Keep,
        stored: sa.FromClause | None,
        require: Require | None = None,
        few: bool = False,
    ) -> None:
        """`narrow`, `keep`, `require`: see `Actions`. `few`: what is meant is a small part of the range."""
        self.projection, self.read_model, self.stored, self._few = projection, read_model, stored, few
        verbs = {action.verb for rule in projection.rules for action in rule.actions}
        self.has = {verb: verb in verbs for verb in (Insert, Update, Upsert, Delete)}
        self.columns = {name: read_model.column(name) for name in projection.folds}
        values: dict[str, Callable[[Action], Element | None]] = {
            name: lambda action, name=name: self._value(action, name)  # type: ignore[misc]
            for name in projection.folds
        }
        self.actions = Actions(projection, read_model, values, narrow, keep, require)
        defaults = [name for name, column in self.columns.items() if column.default is not None]
        self._starting_some = [name for name in defaults if len(self._makers(name)) > 1]

    # -- what an action gives a column ------------------------------------------------------------------------

    def _writes(self, name: str) -> Callable[[Action], bool]:
        """Whether an action has a say in the column's fold. A put column is written whole by what makes a row anew."""
        anew = (Insert, Delete) if self.has[Upsert] else (Insert,)
        put = self.projection.folds[name] is FoldKind.PUT
        return lambda action: name in action.columns or (put and action.verb in anew)

    def _value(self, action: Action, name: str) -> Element | None:
        column = self.columns[name]
        if not self._writes(name)(action):
            return None
        if name in action.columns:
            return in_type_of(column, translate(action.columns[name].value))
        return default_of(column)

    def _nullable(self, name: str) -> bool:
        writes, column = self._writes(name), self.columns[name]
        return any(
            action.columns[name].value.nullable if name in action.columns else column.default is None
            for placed in self.actions.placed
            if writes(action := placed.action)
        )

    # -- one pass ----------------------------------------------------------------------------------------------

    def _fold(self, rows: sa.FromClause, name: str) -> Element:
        """The column's aggregate over `rows`, in a form that `_decoded` reads."""
        kind, value = self.projection.folds[name], rows.c[name]
        written = self.actions.does(rows, self._writes(name))
        folded: Element
        if kind is FoldKind.PUT:
            # `first` passes over NULL, so what may be NULL is wrapped.
            folded = sa.func.acci.first(postgresql.array([value]) if self._nullable(name) else value)
        elif kind is FoldKind.KEEP:
            order = as_text(rows.c.acci_ord + ORDER_BASE)
            folded = sa.func.min(bytewise(order.op("||")(as_text(value))))
        elif kind is FoldKind.ADD and self._counts(name):
            return sa.func.nullif(_of(sa.func.count(), written), 0)
        elif kind is FoldKind.ADD:
            folded = sa.func.sum(value)
        else:
            aggregate = sa.func.min if kind is FoldKind.MINIMUM else sa.func.max
            folded = aggregate(self._comparable(name, value))
        return _of(folded, written)

    def _counts(self, name: str) -> bool:
        """Whether the column is only ever added one to, which is counted at a third of what a sum costs."""
        given = [placed.action.columns.get(name) for placed in self.actions.placed]
        values = [each.value for each in given if each is not None]
        return all(isinstance(value, Constant) and value.kind is Kind.INTEGER and value.value == 1 for value in values)

    def _comparable(self, name: str, value: Element) -> Element:
        """PostgreSQL before 18 has no min(uuid); as text UUIDs sort alike."""
        column = self.columns[name]
        return bytewise(as_text(value)) if column.is_character or column.kind is Kind.UUID else value

    def base(self, folded: sa.FromClause, name: str) -> Element | None:
        """Where the column of a new row starts: at the table's default, unless its Insert gives a bare value."""
        default = default_of(self.columns[name])
        if name in self._starting_some:
            return sa.case((sa.not_(folded.c[f"acci_starts_{name}"]), default))
        return None if self._makers(name) == {True} or self.columns[name].default is None else default

    def upon(self, folded: sa.FromClause, name: str, base: Element | None) -> Element:
        """The column's value: its fold upon `base`; a NULL on either side leaves the other, but a NULL that is put."""
        kind, column, value = self.projection.folds[name], self.columns[name], self._decoded(folded, name)
        if base is None:
            return in_type_of(column, value)
        if kind is FoldKind.PUT:
            return sa.case((folded.c[name].is_not(None), value), else_=base)
        if kind is FoldKind.ADD:  # the sum may fit where a part of it does not
            return in_type_of(column, sa.func.coalesce(base + value, base, value))
        if kind is FoldKind.KEEP:
            return sa.func.coalesce(base, value)
        ordering = sa.func.least if kind is FoldKind.MINIMUM else sa.func.greatest
        return ordering(bytewise(base) if column.is_character else base, value)

    def _decoded(self, folded: sa.FromClause, name: str) -> Element:
        """The folded value, of the column's type unless a sum; NULL also where no event of the range wrote it."""
        kind = self.projection.folds[name]
        value: Element = folded.c[name]
        if kind is FoldKind.ADD:
            return value
        if kind is FoldKind.PUT and self._nullable(name):
            value = sa.type_coerce(value, postgresql.ARRAY(sa.Text))[1]
        elif kind is FoldKind.KEEP:
            value = sa.func.substr(value, len(str(ORDER_BASE)) + 1)
        return in_type_of(self.columns[name], value)

    def _starts(self, name: str) -> Callable[[Action], bool]:
        """Whether an action starts the column's fold: an Insert with a bare value for a column that is not put."""
        folds = self.projection.folds[name] is not FoldKind.PUT
        return lambda action: (
            folds and action.verb is Insert and name in action.columns and action.columns[name].kind is FoldKind.PUT
        )

    def _makers(self, name: str) -> set[bool]:
        """Whether those actions that make a row start the column's fold."""
        actions = (placed.action for placed in self.actions.placed)
        return {self._starts(name)(action) for action in actions if action.verb in (Insert, Upsert)}

    def _summary(self, rows: sa.FromClause) -> list[Any]:
        """The places of the verbs that decide what becomes of the row."""
        columns = []
        for verb in (Insert, Delete, Upsert):
            done = self.actions.does(rows, lambda action, verb=verb: action.verb is verb)  # type: ignore[misc]
            columns.append(_last(rows, done).label(LAST[verb]))
        for name in self._starting_some:
            started = self.actions.does(rows, self._starts(name))
            columns.append(_last(rows, started).label(f"acci_started_{name}"))
        if self._can_be_void():
            columns.append(sa.func.min(rows.c.acci_ord).label("acci_first"))
            updated = self.actions.does(rows, lambda action: action.verb is Update)
            first_update = NOTHING if updated is None else _of(sa.func.min(rows.c.acci_ord), updated)
            columns.append(first_update.label("acci_first_update"))
        return columns

    def _key(self, rows: sa.FromClause) -> list[Any]:
        return [rows.c[name] for name in self.projection.key]

    def _same_key(self, left: sa.FromClause, right: sa.FromClause) -> Element:
        return sa.and_(*(left.c[name] == right.c[name] for name in self.projection.key))

    def final(self) -> sa.Select[Any]:
        """One row a key: the key, what becomes of its row (anew, gone, makes), each column's fold."""
        puts = FoldKind.PUT in self.projection.folds.values()
        rows = self.actions.newest_first(self._few) if puts else self.actions.rows()
        folds = [self._fold(rows, name).label(name) for name in self.projection.folds]
        folded = sa.select(*self._key(rows), *self._summary(rows), *folds).group_by(*self._key(rows))
        if not self._can_be_void():
            once = folded.subquery("folded")
            return sa.select(*self._key(once), *self._verdict(once), *(once.c[name] for name in self.projection.folds))
        first = folded.cte("folded")
        again = self._refolded(first)
        void = self._void(first)
        columns = [sa.case((void, again.c[name]), else_=first.c[name]).label(name) for name in self.projection.folds]
        return sa.select(*self._key(first), *self._verdict(first), *columns).select_from(
            first.outerjoin(again, self._same_key(first, again))
        )

    def _verdict(self, folded: sa.FromClause) -> list[Any]:
        inserted, deleted, upserted = (sa.func.coalesce(folded.c[LAST[verb]], NEVER) for verb in LAST)
        gone: Element = sa.and_(deleted > inserted, deleted > upserted) if self.has[Delete] else sa.false()
        anew: Element = sa.and_(sa.func.greatest(inserted, deleted) > NEVER, sa.not_(gone))
        if not (self.has[Insert] or self.has[Delete]):
            anew = sa.false()
        starting = (
            sa.and_(sa.func.coalesce(folded.c[f"acci_started_{name}"], NEVER) == inserted, inserted > deleted)
            for name in self._starting_some
        )
        return [
            *(starts.label(f"acci_starts_{name}") for starts, name in zip(starting, self._starting_some, strict=True)),
            anew.label("acci_anew"),
            gone.label("acci_gone"),
            self._makes(anew, gone, upserted).label("acci_makes"),
        ]

    def _makes(self, anew: Element, gone: Element, upserted: Element) -> Element:
        """Whether there is a row then, even if there was none."""
        if not self.has[Upsert]:
            return anew
        only = not (self.has[Insert] or self.has[Update] or self.has[Delete])
        return sa.true() if only else sa.or_(anew, sa.and_(upserted > NEVER, sa.not_(gone)))

    # -- keys with void actions ---------------------------------------------------------------------------------

    def _can_be_void(self) -> bool:
        barriers = self.has[Insert] or self.has[Delete]
        sums = any(kind is not FoldKind.PUT for kind in self.projection.folds.values())
        return (barriers and sums) or (self.has[Update] and self.has[Upsert])

    def _void(self, folded: sa.FromClause) -> Element:
        """Whether the key may have a void action: one before a barrier, or an Update before an Upsert."""
        barrier = sa.func.greatest(folded.c.acci_inserted, folded.c.acci_deleted)
        return sa.func.coalesce(
            sa.or_(
                sa.func.coalesce(barrier > folded.c.acci_first, sa.false()),
                sa.func.coalesce(folded.c.acci_first_update < folded.c.acci_upserted, sa.false()),
            )
        )

    def _refolded(self, folded: sa.CTE) -> sa.CTE:
        """The keys with void actions, folded from the action that starts their row."""
        rows = self.actions.rows("again")
        inserted = sa.func.coalesce(folded.c.acci_inserted, NEVER)
        deleted = sa.func.coalesce(folded.c.acci_deleted, NEVER)
        upserted = self.actions.does(rows, lambda action: action.verb is Upsert)
        first_upsert: Element = NOTHING
        if upserted is not None:
            first_upsert = sa.func.min(rows.c.acci_ord).filter(sa.and_(upserted, rows.c.acci_ord > deleted))
        start: Element = sa.case((inserted > deleted, inserted), else_=first_upsert)
        if self.stored is not None:
            there = sa.exists().where(self._same_key(self.stored, folded)).correlate(folded)
            start = sa.case((sa.and_(inserted == NEVER, deleted == NEVER, there), NEVER), else_=start)
        starts = (
            sa.select(*self._key(folded), start.label("start"))
            .select_from(folded.join(rows, self._same_key(folded, rows)))
            .where(self._void(folded))
            .group_by(*self._key(folded), folded.c.acci_inserted, folded.c.acci_deleted)
            .cte("starts")
        )
        rows = self.actions.newest_first(self._few, "anew", starts)
        folds = [self._fold(rows, name).label(name) for name in self.projection.folds]
        return sa.select(*self._key(rows), *folds).group_by(*self._key(rows)).cte("refolded")


def _last(rows: sa.FromClause, done: Element | None) -> Element:
    """The place of the last action for which `done` holds."""
    return NOTHING if done is None else _of(sa.func.max(rows.c.acci_ord), done)


def _of(aggregate: sa.Function[Any], chosen: Element | None) -> Element:
    """The aggregate over the rows for which `chosen` holds; None for none that could matter, TRUE for all."""
    return aggregate if chosen is None or isinstance(chosen, True_) else aggregate.filter(chosen)
