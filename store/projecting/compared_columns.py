"""Compared columns: which columns of a read model its events determine.

One notion for the gate, audits, repair, point-in-time queries and the testing kit. What PostgreSQL fills by itself is
left out: generated and identity columns, defaults that are another value each time (now(), a serial, a uuid), defaults
of domains, and what a trigger may fill. A constant default is compared: every row must have it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from acci.domain.projections import Projection
from acci.store.generations.tables import ReadModel

Given = Callable[[list[str]], Collection[str]]


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Given:
    """Those of the columns that have a value in any of the rows of a Python fold."""
    return lambda names: {name for name in names if any(row.get(name) is not None for row in rows)}


def nothing(_: list[str]) -> Collection[str]:
    """None of the columns."""
    return ()


def determined(projection: type[Projection], read_model: ReadModel, given: Given = nothing) -> ReadModel:
    """The read model with the columns alone that its events determine.

    Which columns a Python fold gives only its rows show: `given` is called with those that PostgreSQL may fill.
    """
    filled = {column.name for column in read_model.columns if column.default_varies or read_model.has_triggers}
    filled -= {*projection.key, *projection.folds}
    if filled and projection.folds_in_python:
        filled.difference_update(given(sorted(filled)))
    left = (column for column in read_model.columns if not column.generated and column.name not in filled)
    return replace(read_model, columns=tuple(left))
