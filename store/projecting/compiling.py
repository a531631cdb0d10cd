"""A projection compiled to SQL: one statement that applies a range of events to a generation's table."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg as dialects

from domain.projections import Projection
from domain.projections.verbs import FoldKind
from store.projecting.folding import Folding
from store.projecting.merge import DEFAULT, Merge, Placeholder, When
from store.projecting.tables import ReadModel
from store.projecting.translation import EVENTS, Element, as_text, default_of

DIALECT = dialects.dialect()  # type: ignore[no-untyped-call]


def in_range() -> list[Element]:
    """The events of a batch: positions in (after, upto]."""
    position = EVENTS.c.position
    return [position > Placeholder("after", sa.BigInteger()), position <= Placeholder("upto", sa.BigInteger())]


def in_partition(key: dict[str, Element]) -> list[Element]:
    """The keys of partition `partition` of `partitions`: by a hash of the key's most telling column."""
    telling = next((value for name, value in reversed(key.items()) if name != "tenant_id"), key.get("tenant_id"))
    hashed = sa.func.hashtext(as_text(telling)).op("&")(sa.literal(2**31 - 1))  # type: ignore[arg-type]
    return [hashed.self_group() % Placeholder("partitions", sa.Integer()) == Placeholder("partition", sa.Integer())]


def every_key(_: dict[str, Element]) -> list[Element]:
    return []


class Compiled:
    """A projection compiled against one generation's table.

    The texts take the named parameters `after` and `upto`, positions; those for a partition also `partition` and
    `partitions`. Applying (a, b] and then (b, c] leaves what applying (a, c] does, whatever the split.
    """

    def __init__(self, projection: type[Projection], read_model: ReadModel) -> None:
        self.projection, self.read_model = projection, read_model
        self.table = sa.table(
            read_model.name, *(sa.column(column.name) for column in read_model.columns), schema=read_model.schema
        )
        self._stored = self.table.alias("stored")

    def apply(self, partitioned: bool = False) -> str:
        """The statement that folds a batch into the table's rows."""
        folding = self._folding(partitioned, self._stored)
        source = folding.final()
        folded = source.subquery("folded")
        on = sa.and_(*(self._stored.c[name] == folded.c[name] for name in self.projection.key))
        whens = [
            When(True, folded.c.gone, None),
            When(True, folded.c.anew, self._born(folding, folded) | self._untold()),
            When(True, sa.not_(folded.c.anew), self._merged(folding, folded)),
            When(False, folded.c.makes, self._key(folded) | self._born(folding, folded)),
        ]
        whens = [when for when in whens if when.values != {}]
        return text_of(Merge(self._stored, source, on, whens, "folded"))

    def fill(self, partitioned: bool = False) -> str:
        """The statement that folds a first batch into an empty table, or an empty part of it."""
        folding = self._folding(partitioned, None)
        folded = folding.final().subquery("folded")
        values = self._key(folded) | self._born(folding, folded)
        chosen = sa.select(*values.values()).where(folded.c.makes)
        return text_of(sa.insert(self.table).from_select(list(values), chosen, include_defaults=False))

    def _folding(self, partitioned: bool, stored: sa.FromClause | None) -> Folding:
        keep: Callable[[dict[str, Element]], list[Element]] = in_partition if partitioned else every_key
        return Folding(self.projection, self.read_model, in_range, keep, stored)

    def _key(self, folded: sa.FromClause) -> dict[str, Element]:
        return {name: folded.c[name] for name in self.projection.key}

    def _born(self, folding: Folding, folded: sa.FromClause) -> dict[str, Element]:
        """Each column of a row that is new: its fold upon the table's default."""
        born: dict[str, Element] = {}
        for name, kind in self.projection.folds.items():
            column, value = self.read_model.column(name), folding.decoded(folded, name)
            default = default_of(column)
            if kind is FoldKind.PUT and column.default is not None:
                value = sa.case((folded.c[name].is_not(None), value), else_=default)
            elif kind is not FoldKind.PUT and column.default is not None:
                value = _upon(kind, default, value)
            born[name] = value
        return born

    def _merged(self, folding: Folding, folded: sa.FromClause) -> dict[str, Element]:
        """Each column of a row that goes on: its fold upon what is stored."""
        merged: dict[str, Element] = {}
        for name, kind in self.projection.folds.items():
            value, stored = folding.decoded(folded, name), self._stored.c[name]
            if kind is FoldKind.PUT:
                merged[name] = sa.case((folded.c[name].is_not(None), value), else_=stored)
            else:
                merged[name] = _upon(kind, stored, value)
        return merged

    def _untold(self) -> dict[str, Any]:
        """The columns that no rule speaks of: at their default when the row is made anew."""
        told = {*self.projection.key, *self.projection.folds}
        return {
            column.name: DEFAULT
            for column in self.read_model.columns
            if column.name not in told and not column.generated
        }


def _upon(kind: FoldKind, base: Element, value: Element) -> Element:
    """A fold of `value` upon `base`; a NULL on either side leaves the other."""
    if kind is FoldKind.ADD:
        return sa.func.coalesce(base + value, base, value)
    if kind is FoldKind.KEEP:
        return sa.func.coalesce(base, value)
    ordering = sa.func.least if kind is FoldKind.MINIMUM else sa.func.greatest
    return ordering(base, value)


def text_of(statement: sa.sql.ClauseElement) -> str:
    """The statement's text for psycopg, literals in place."""
    return str(statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
