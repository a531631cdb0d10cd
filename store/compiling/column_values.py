"""The value that each action gives a column, before anything is folded."""

from collections.abc import Iterable

import sqlalchemy as sa

from acci.domain.projections import Delete, Insert, Projection, Upsert
from acci.domain.projections.columns import Column
from acci.domain.projections.rules import Action
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.column_types import Element, default_of, in_type_of
from acci.store.compiling.expressions import translate
from acci.store.compiling.placement import Placed
from acci.store.generations.tables import ReadModel


def writers(projection: type[Projection], placed: Iterable[Placed], name: str) -> tuple[Placed, ...]:
    """Those that give the column `name` a value.

    A column that is put gets its default from an Insert that does not name it; and from a Delete, if an Upsert may make
    the row again in the same batch.
    """
    upserts = any(each.verb is Upsert for rule in projection.rules for each in rule.actions)
    resets = (Insert, Delete) if upserts else (Insert,)
    put = projection.folds[name] is FoldKind.PUT
    return tuple(each for each in placed if name in each.action.columns or (put and each.action.verb in resets))


def values_of(
    projection: type[Projection], read_model: ReadModel, placed: list[Placed], name: str, events: sa.FromClause
) -> list[tuple[Placed, Element | None]]:
    """Each with the value that it gives the column, of the column's type; None if it gives none."""
    column, writing = read_model.by_name[name], writers(projection, placed, name)
    return [(each, _value(column, each.action, name, events) if each in writing else None) for each in placed]


def _value(column: Column, action: Action, name: str, events: sa.FromClause) -> Element:
    if name in action.columns:
        return in_type_of(column, translate(action.columns[name].value, events))
    return default_of(column)
