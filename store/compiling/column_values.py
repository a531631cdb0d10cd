"""The value that each action gives a column, before anything is folded."""

import sqlalchemy as sa

from acci.domain.projections import Delete, Insert, Projection, Upsert
from acci.domain.projections.rules import Action
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.column_types import Element, default_of, in_type_of
from acci.store.compiling.expressions import translate
from acci.store.generations.tables import ReadModel


def writes(projection: type[Projection], action: Action, name: str) -> bool:
    """Whether the action gives the column `name` a value.

    A column that is put gets its default from an Insert that does not name it; and from a Delete, if an Upsert may make
    the row again in the same batch.
    """
    if name in action.columns:
        return True
    upserts = any(each.verb is Upsert for rule in projection.rules for each in rule.actions)
    resets = (Insert, Delete) if upserts else (Insert,)
    return projection.folds[name] is FoldKind.PUT and action.verb in resets


def value_of(
    projection: type[Projection], read_model: ReadModel, action: Action, name: str, events: sa.FromClause
) -> Element | None:
    """The value that the action gives the column, of the column's type; None if it gives none."""
    if not writes(projection, action, name):
        return None
    column = read_model.column(name)
    if name in action.columns:
        return in_type_of(column, translate(action.columns[name].value, events))
    return default_of(column)
