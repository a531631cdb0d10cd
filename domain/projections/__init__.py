"""Projections: a read model's rules, declared event by event, and the reference engine that runs them in Python.

What a domain writes is exported here. Rules become SQL elsewhere, in `acci.store.compiling`. Begin with `rules`, then
`verbs`; `reference` says what they mean.
"""

from acci.domain.expressions.functions import (
    after,
    before,
    cast,
    coalesce,
    concat,
    date_trunc,
    is_null,
    local_date,
    lower,
    when,
)
from acci.domain.projections.python_folds import FoldProjection
from acci.domain.projections.rules import Projection, on
from acci.domain.projections.verbs import Delete, Insert, Update, Upsert, add, count, keep, maximum, minimum, put

__all__ = [
    "Delete",
    "FoldProjection",
    "Insert",
    "Projection",
    "Update",
    "Upsert",
    "add",
    "after",
    "before",
    "cast",
    "coalesce",
    "concat",
    "count",
    "date_trunc",
    "is_null",
    "keep",
    "local_date",
    "lower",
    "maximum",
    "minimum",
    "on",
    "put",
    "when",
]
