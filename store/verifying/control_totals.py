"""Control totals: what a read model must come to, counted from the events without folding them.

They share nothing with the projecting code but the rules' own expressions, so an event that was applied twice, or a
partition that was left out, shows. How many rows there must be can be told of every projection with rules, sums where
no event makes an earlier one void.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from acci.domain.projections import Delete, FoldProjection, Projection, Update, Upsert
from acci.domain.projections.rules import Action
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.actions import Actions
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.expressions import Element, default_of, in_type_of, translate
from acci.store.compiling.statements import Scope, not_parked, text_of
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection


@dataclass(frozen=True)
class Total:
    """A figure of a read model: as the events say, and as the table has it."""

    what: str
    expected: str
    stored: str

    @property
    def agrees(self) -> bool:
        return self.expected == self.stored


def control_totals(
    connection: Connection,
    projection: type[Projection],
    read_model: ReadModel,
    which: Selection,
    but_parked_in: int | None = None,
) -> tuple[Total, ...]:
    """The totals of a table that has applied the selected events; none for a fold in Python.

    Keys that are parked in the generation `but_parked_in` count neither in the events nor in the table.
    """
    if issubclass(projection, FoldProjection):
        return ()
    sums, careful = _summable(projection), but_parked_in is not None
    expected = _from_events(projection, read_model, which, sums, careful)
    stored = _from_table(projection, read_model, sums, careful)
    names = ["rows", *(f"sum of {name}" for name in sums)]
    parameters = which.parameters() | {"generation": but_parked_in}
    pairs = zip(_row(connection, expected, parameters), _row(connection, stored, parameters), strict=True)
    return tuple(Total(name, str(told), str(there)) for name, (told, there) in zip(names, pairs, strict=True))


def _row(connection: Connection, statement: sa.Select[Any], parameters: dict[str, Any]) -> tuple[Any, ...]:
    found = connection.execute(text_of(statement).encode(), parameters).fetchone()
    return found or ()


def _summable(projection: type[Projection]) -> list[str]:
    """The added columns, if every event that adds counts: none starts a row anew, ends it or needs it there."""
    verbs = {action.verb for rule in projection.rules for action in rule.actions}
    return [name for name, kind in projection.folds.items() if kind is FoldKind.ADD] if verbs == {Upsert} else []


def _from_events(
    projection: type[Projection], read_model: ReadModel, which: Selection, sums: list[str], careful: bool
) -> sa.Select[Any]:
    """The keys whose last making event is not followed by a Delete; and the sums of what is added."""

    def added(action: Action, name: str) -> Element | None:
        given = action.columns.get(name)
        return None if given is None else in_type_of(read_model.column(name), translate(given.value))

    values: dict[str, Callable[[Action], Element | None]] = {name: partial(added, name=name) for name in sums}
    scope = Scope(careful=careful)
    actions = Actions(
        projection, read_model, values, which.conditions, lambda key, whole: scope.keys(key, whole, read_model)
    )
    rows = actions.rows("told")
    makes = actions.does(rows, lambda action: action.verb not in (Update, Delete))
    ends = actions.does(rows, lambda action: action.verb is Delete)
    whole = sa.and_(*(rows.c[name].is_not(None) for name in projection.key))
    made = sa.func.max(rows.c.acci_ord).filter(sa.false() if makes is None else makes)
    ended = sa.func.max(rows.c.acci_ord).filter(sa.false() if ends is None else ends)
    by_key = (
        sa.select(
            sa.func.coalesce(made > sa.func.coalesce(ended, 0), sa.false()).label("there"),
            *(sa.func.sum(rows.c[name]).label(name) for name in sums),
        )
        .where(whole)
        .group_by(*(rows.c[name] for name in projection.key))
        .subquery("by_key")
    )
    totals = [_total(sa.func.sum(by_key.c[name])) for name in sums]
    return sa.select(sa.func.count().filter(by_key.c.there), *totals)


def _from_table(projection: type[Projection], read_model: ReadModel, sums: list[str], careful: bool) -> sa.Select[Any]:
    table = sa.table(
        read_model.name, *(sa.column(column.name) for column in read_model.columns), schema=read_model.schema
    )
    totals: list[Element] = []
    for name in sums:
        start = sa.func.coalesce(default_of(read_model.column(name)), 0)
        totals.append(_total(sa.func.sum(table.c[name] - start)))
    counted = sa.select(sa.func.count(), *totals).select_from(table)
    return counted.where(not_parked(table, projection.key)) if careful else counted


def _total(total: Element) -> Element:
    """A sum as a number without trailing zeros, so that scales do not matter."""
    return sa.func.trim_scale(sa.cast(sa.func.coalesce(total, 0), sa.Numeric))
