"""Control totals: the expected number of rows and sums of columns of a read model, counted from the events.

They share only the rules' expressions with the projecting code, so that an event applied twice, or a missing
partition, is noticed. Rows are counted for every projection with rules; sums only where no event can undo an
earlier one.
"""

from dataclasses import dataclass
from typing import Any

from acci.domain.projections import Delete, FoldProjection, Insert, Projection, Upsert
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.actions import Actions
from acci.store.compiling.column_types import Element, default_of
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.placement import with_verbs
from acci.store.compiling.request import Request, table_of
from acci.store.compiling.scope import Scope, not_parked
from acci.store.compiling.text import text_of
from acci.store.extras import needs
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection

with needs("projections"):
    import sqlalchemy as sa


@dataclass(frozen=True)
class Total:
    """A figure of a read model: as counted from the events, and as the table has it."""

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
    sums, skip_parked = _summable(projection), but_parked_in is not None
    expected = _from_events(projection, read_model, which, sums, skip_parked)
    stored = _from_table(projection, read_model, sums, skip_parked)
    names = ["rows", *(f"sum of {name}" for name in sums)]
    parameters = which.parameters() | {"generation": but_parked_in}
    pairs = zip(_row(connection, expected, parameters), _row(connection, stored, parameters), strict=True)
    return tuple(Total(name, str(due), str(there)) for name, (due, there) in zip(names, pairs, strict=True))


def _row(connection: Connection, statement: sa.Select[Any], parameters: dict[str, Any]) -> tuple[Any, ...]:
    found = connection.execute(text_of(statement).encode(), parameters).fetchone()
    return found or ()


def _summable(projection: type[Projection]) -> list[str]:
    """The added columns, if every event counts: no event inserts, deletes or merely updates a row."""
    verbs = {action.verb for rule in projection.rules for action in rule.actions}
    return [name for name, kind in projection.folds.items() if kind is FoldKind.ADD] if verbs == {Upsert} else []


def _from_events(
    projection: type[Projection], read_model: ReadModel, which: Selection, sums: list[str], skip_parked: bool
) -> sa.Select[Any]:
    """How many keys were last inserted or upserted, not deleted; and the sums of the added columns."""
    scope = Scope(skip_parked=skip_parked)
    request = Request(projection, read_model, scope=scope, selection=which, columns=tuple(sums), check_readable=False)
    actions = Actions(request)
    rows = actions.rows("counted")
    makes = actions.is_one_of(rows, with_verbs(actions.placed, Insert, Upsert))
    ends = actions.is_one_of(rows, with_verbs(actions.placed, Delete))
    not_null = sa.and_(*(rows.c[name].is_not(None) for name in projection.key))
    made = sa.func.max(rows.c.acci_ord).filter(sa.false() if makes is None else makes)
    ended = sa.func.max(rows.c.acci_ord).filter(sa.false() if ends is None else ends)
    by_key = (
        sa.select(
            sa.func.coalesce(made > sa.func.coalesce(ended, 0), sa.false()).label("there"),
            *(sa.func.sum(rows.c[name]).label(name) for name in sums),
        )
        .where(not_null)
        .group_by(*(rows.c[name] for name in projection.key))
        .subquery("by_key")
    )
    totals = [_total(sa.func.sum(by_key.c[name])) for name in sums]
    return sa.select(sa.func.count().filter(by_key.c.there), *totals)


def _from_table(
    projection: type[Projection], read_model: ReadModel, sums: list[str], skip_parked: bool
) -> sa.Select[Any]:
    table = table_of(read_model)
    totals: list[Element] = []
    for name in sums:
        start = sa.func.coalesce(default_of(read_model.by_name[name]), 0)
        totals.append(_total(sa.func.sum(table.c[name] - start)))
    counted = sa.select(sa.func.count(), *totals).select_from(table)
    return counted.where(not_parked(table, projection.key)) if skip_parked else counted


def _total(total: Element) -> Element:
    """A sum as a number without trailing zeros, so that scales do not matter."""
    return sa.func.trim_scale(sa.cast(sa.func.coalesce(total, 0), sa.Numeric))
