"""Statements: what applies a projection's rules to a range of events, as text for psycopg.

    request > actions (a row for each event, rule and key) > folded (a row a key) > statement (MERGE or INSERT)

The texts take the parameters `after` and `upto`, positions, and those of the request's scope. Applying (a, b] and then
(b, c] leaves what applying (a, c] does, wherever it is split.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acci.domain.projections import Projection
from acci.domain.projections.verbs import FoldKind
from acci.store.compiling.actions import Actions
from acci.store.compiling.column_types import Element, as_text
from acci.store.compiling.folding import Folded, folded
from acci.store.compiling.given_keys import is_given
from acci.store.compiling.merge import DEFAULT, Merge, When
from acci.store.compiling.parallel_fill import Gather, gathered
from acci.store.compiling.request import Request
from acci.store.compiling.text import text_of


def apply(request: Request) -> str:
    """Folds the events into the table's rows: a MERGE, or an INSERT if the table is empty."""
    return text_of(statement(folded(Actions(request))))


def statement(made: Folded) -> Merge | sa.Insert:
    """The MERGE or INSERT of what was folded."""
    return _insert(made) if made.request.table_is_empty else _merge(made)


def gather(request: Request) -> str:
    """The first half of an INSERT into an empty table, which PostgreSQL may run in parallel; then comes `pour`."""
    values, rows = _filling(folded(Actions(request)))
    named = zip(values, rows.selected_columns, strict=True)
    return text_of(Gather(rows.with_only_columns(*(column.label(name) for name, column in named))))


def pour(request: Request) -> str:
    """The second half: inserts the gathered rows into the table."""
    names = [*request.projection.key, *request.projection.folds]
    source = gathered(names)
    return text_of(sa.insert(request.table).from_select(names, sa.select(*source.c), include_defaults=False))


def affected_keys(request: Request) -> str:
    """The query for the keys of the rows that the events change, each as a list of text."""
    rows = Actions(request).rows()
    key = postgresql.array([as_text(rows.c[name]) for name in request.projection.key])
    return text_of(sa.select(key).distinct())


def affecting_positions(request: Request) -> str:
    """The query for the positions of the events that change a row in scope."""
    actions = Actions(request)
    return text_of(sa.select(actions.position(actions.rows())).distinct())


def delete_given(request: Request) -> str:
    """Deletes the rows of the given keys."""
    key = {name: request.table.c[name] for name in request.projection.key}
    return text_of(sa.delete(request.table).where(is_given(key, request.read_model, request.table)))


def is_ordered(projection: type[Projection]) -> bool:
    """Whether the order in which events are folded matters; if not, PostgreSQL may read them in parallel."""
    return not {*projection.folds.values()}.isdisjoint((FoldKind.PUT, FoldKind.KEEP))


def _merge(made: Folded) -> Merge:
    request, stored = made.request, made.request.stored
    rows = made.query.subquery("folded")
    on = sa.and_(*(stored.c[name] == rows.c[name] for name in request.projection.key))
    whens = [
        When(True, rows.c.acci_gone, None),
        When(True, rows.c.acci_replaced, made.new_row(rows) | _defaults(request)),
        When(True, sa.not_(rows.c.acci_replaced), made.changed_row(rows, stored)),
        When(False, rows.c.acci_makes, made.key(rows) | made.new_row(rows)),
    ]
    return Merge(stored, made.query, on, [when for when in whens if when.values != {}], "folded")


def _insert(made: Folded) -> sa.Insert:
    values, rows = _filling(made)
    return sa.insert(made.request.table).from_select(list(values), rows, include_defaults=False)


def _filling(made: Folded) -> tuple[dict[str, Element], sa.Select[Any]]:
    """The columns of the rows that an empty table gets, and the query for them."""
    rows = made.query.subquery("folded")
    values = made.key(rows) | made.new_row(rows)
    return values, sa.select(*values.values()).where(rows.c.acci_makes)


def _defaults(request: Request) -> dict[str, Element]:
    """The columns that no rule gives a value: a row that replaces another has their defaults."""
    given = {*request.projection.key, *request.projection.folds}
    columns = request.read_model.columns
    return {column.name: DEFAULT for column in columns if column.name not in given and not column.generated}
