"""Verbs: what an event does to a row; and folds: how a column's values become one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.symbols import refuse
from acci.domain.expressions.tree import Expression, express


class FoldKind(StrEnum):
    """How the values that events give a column become one. Each can be merged over any split of a history."""

    PUT = "put"  # the last one wins, NULL too
    ADD = "add"  # the sum; NULL adds nothing
    KEEP = "keep"  # the first one that is not NULL wins
    MINIMUM = "minimum"  # NULL does not count
    MAXIMUM = "maximum"


@dataclass(frozen=True)
class Fold:
    kind: FoldKind
    value: Expression


def put(value: Any) -> Fold:
    """The last value wins; what a bare value in a verb means."""
    return Fold(FoldKind.PUT, express(value))


def add(value: Any) -> Fold:
    """The sum of an integer or decimal; a NULL adds nothing. Starts at the column's default, or 0."""
    expression = express(value)
    if expression.kind not in (Kind.INTEGER, Kind.NUMERIC):
        refuse(f"add({expression.kind.phrase})", "it takes an integer or a Decimal; a float's sum is not exact.")
    return Fold(FoldKind.ADD, expression)


def count() -> Fold:
    """The number of events that this rule was applied to for the row."""
    return add(1)


def keep(value: Any) -> Fold:
    """The first value that is not NULL wins."""
    return Fold(FoldKind.KEEP, express(value))


def minimum(value: Any) -> Fold:
    """The least value; text by code point."""
    return Fold(FoldKind.MINIMUM, _ordered("minimum", value))


def maximum(value: Any) -> Fold:
    """The greatest value; text by code point."""
    return Fold(FoldKind.MAXIMUM, _ordered("maximum", value))


def _ordered(what: str, value: Any) -> Expression:
    expression = express(value)
    if expression.kind in (Kind.JSON, Kind.BOOLEAN):
        refuse(f"{what}({expression.kind.phrase})", "it takes a number, text, date, timestamp or UUID.")
    return expression


class Verb:
    """What is done to the row with the rule's key. Columns are given by name; key columns as bare values.

    A verb whose key has a NULL changes no row: `Upsert(id=when(condition, event.data.id))` is for some events only.
    """

    def __init__(self, **columns: Any) -> None:
        self.columns = {name: value if isinstance(value, Fold) else put(value) for name, value in columns.items()}


class Insert(Verb):
    """Make the row, replacing it if there is one: columns not named get the table's default."""


class Update(Verb):
    """Change the row if there is one."""


class Upsert(Verb):
    """Change the row; if there is none it is made first, columns not named at the table's default."""


class Delete(Verb):
    """Delete the row; key columns only."""
