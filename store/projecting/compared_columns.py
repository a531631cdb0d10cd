"""Compared columns: which columns of a read model its events determine, and when two values are the same.

One notion for the gate, audits, repair, point-in-time queries and the testing kit. What PostgreSQL fills by itself is
left out: generated and identity columns, defaults that are another value each time (now(), a serial, a uuid), defaults
of domains, and what a trigger may fill. A constant default is compared: every row must have it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from acci.domain.projections import Projection
from acci.domain.projections.columns import Column
from acci.store.compiling.column_types import Element, as_text, bytewise
from acci.store.generations.tables import ReadModel, qualified
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

BY_VALUE = "NDBT"  # numbers, timestamps, booleans, intervals: 1.0 is 1.00; all else must agree to the byte


Given = Callable[[list[str]], Collection[str]]


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Given:
    """Those of the columns that have a value in any of the rows of a Python fold."""
    return lambda names: {name for name in names if any(row.get(name) is not None for row in rows)}


def nothing(_: list[str]) -> Collection[str]:
    """None of the columns."""
    return ()


def determined(
    connection: Connection, projection: type[Projection], read_model: ReadModel, given: Given = nothing
) -> ReadModel:
    """The read model with the columns alone that its events determine.

    Which columns a Python fold gives only its rows show: `given` is called with those that PostgreSQL may fill.
    """
    table = {"table": qualified(connection, read_model.schema, read_model.name)}
    filled = {row[0] for row in connection.execute(sql("generations/columns:filled_by_defaults"), table)}
    row = connection.execute(sql("generations/tables:has_triggers"), table).fetchone()
    if row and row[0]:
        filled = {column.name for column in read_model.columns}
    filled -= {*projection.key, *projection.folds}
    if filled and projection.folds_in_python:
        filled.difference_update(given(sorted(filled)))
    left = (column for column in read_model.columns if not column.generated and column.name not in filled)
    return replace(read_model, columns=tuple(left))


def differs(column: Column, before: Element, now: Element, type_now: str | None = None) -> Element:
    """Whether two values of a column differ; compared as text if the column's type has changed."""
    if column.category in BY_VALUE and type_now in (None, column.type):
        return before.is_distinct_from(now)
    return bytewise(as_text(before)).is_distinct_from(bytewise(as_text(now)))
