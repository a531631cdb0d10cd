"""Rows: a read model's table held against what its events give, whole, by set operations."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from psycopg import sql as identifiers
from sqlalchemy.dialects import postgresql

from acci.domain.errors import AcciError
from acci.store.auditing.checks import MOST, LeftOut, Looking
from acci.store.auditing.derivation import Derivation
from acci.store.auditing.findings import Found, Severity
from acci.store.compiling.expressions import Element, as_text
from acci.store.compiling.merge import Placeholder
from acci.store.compiling.statements import in_partition, not_parked, text_of
from acci.store.generations.table_definition import require_fit
from acci.store.generations.tables import ReadModel
from acci.store.postgres.statements import sql
from acci.store.projecting.affected_keys import TOUCHED
from acci.store.projecting.compared_columns import differs

MISSING, EXTRA, DIFFERENT = "missing", "extra", "different"


def look(looking: Looking) -> Iterator[Found]:
    """Rows that are missing, that no event gives, or that differ, with each column's stored and expected value.

    Raises `TooManyDeadLetters`.
    """
    projection, generation = looking.of_read_model()
    connection = looking.connection
    try:
        require_fit(connection, looking.catalogue, projection, generation)
    except AcciError as refusal:
        raise LeftOut(str(refusal)) from refusal
    derivation = Derivation(connection, projection, generation, looking.extent)
    yield from derivation.fill()
    connection.execute(identifiers.SQL("ANALYZE {}").format(identifiers.Identifier("pg_temp", projection.name)))
    comparison = Comparison(projection.key, derivation)
    parameters = {"generation": generation.generation, "most": MOST + 1}
    parameters |= {"partition": derivation.turn, "partitions": derivation.shares}
    found = connection.execute(comparison.text.encode(), parameters).fetchall()
    ahead = _ahead(looking, derivation, comparison, [row[0] for row in found])
    for key, stored, expected in found:
        yield comparison.finding(key, stored, expected, tuple(key) in ahead)


class Comparison:
    """The full join of the stored and the expected rows on their key, narrowed as the derivation is."""

    def __init__(self, key: tuple[str, ...], derivation: Derivation) -> None:
        self.key = key
        columns = [column for column in derivation.compared().columns if column.name not in key]
        self.columns = [column.name for column in columns]
        stored, expected = _table(derivation.stored, "stored"), _table(derivation.expected, "expected")
        if derivation.by_keys:
            narrow = [_among(table, key) for table in (stored, expected)]
        elif derivation.shares > 1:
            narrow = [in_partition({name: table.c[name] for name in key}) for table in (stored, expected)]
        else:
            narrow = [sa.true(), sa.true()]
        # Each side narrowed before the join: in a full join a row is missing or extra only if the other side has none.
        here = sa.select(stored).where(narrow[0], not_parked(stored, key)).subquery("here")
        there = sa.select(expected).where(narrow[1], not_parked(expected, key)).subquery("there")
        on = sa.and_(*(here.c[name] == there.c[name] for name in key))
        differ = [differs(column, here.c[column.name], there.c[column.name]) for column in columns]
        whole_key = postgresql.array([as_text(sa.func.coalesce(here.c[name], there.c[name])) for name in key])
        statement = (
            sa.select(whole_key.label("key"), self._values(here), self._values(there))
            .select_from(here.join(there, on, full=True))
            .where(sa.or_(here.c[key[0]].is_(None), there.c[key[0]].is_(None), *differ))
            .order_by(sa.text("key"))
            .limit(Placeholder("most", sa.BigInteger()))
        )
        self.text = text_of(statement)

    def _values(self, side: sa.FromClause) -> Element:
        """The side's columns as text, or NULL if it has no such row."""
        texts = sa.cast(postgresql.array([as_text(side.c[name]) for name in self.columns]), postgresql.ARRAY(sa.Text))
        return sa.case((side.c[self.key[0]].is_not(None), texts))

    def finding(
        self, key: Sequence[str], stored: Sequence[Any] | None, expected: Sequence[Any] | None, ahead: bool
    ) -> Found:
        place = dict(zip(self.key, key, strict=True))
        if stored is None:
            details = {"kind": MISSING, "expected": dict(zip(self.columns, expected or (), strict=True))}
            return Found(place, Severity.ERROR, "The row is missing: its events give one.", details)
        if expected is None:
            details = {"kind": EXTRA, "stored": dict(zip(self.columns, stored, strict=True))}
            return Found(place, Severity.ERROR, f"The row is extra: its events give none{_since(ahead)}.", details)
        differing = {
            name: {"stored": now, "expected": then}
            for name, now, then in zip(self.columns, stored, expected, strict=True)
            if now != then
        }
        problem = f"The row differs from what its events give in {', '.join(differing)}{_since(ahead)}."
        return Found(place, Severity.ERROR, problem, {"kind": DIFFERENT, "columns": differing, "ahead": ahead})


def _since(ahead: bool) -> str:
    return ", but agrees with events beyond the checkpoint" if ahead else ""


def _ahead(
    looking: Looking, derivation: Derivation, comparison: Comparison, keys: list[Sequence[str]]
) -> set[tuple[str, ...]]:
    """Those of `keys` whose rows are as the whole log gives them: they are ahead of the checkpoint."""
    _, generation = looking.of_read_model()
    head = looking.connection.execute(sql("log/events:last_position")).fetchone()
    if not keys or head is None or head[0] <= generation.checkpoint:
        return set()
    failed = list(derivation.derive([list(key) for key in keys], head[0]))
    parameters = {"generation": generation.generation, "most": 2**31}
    parameters |= {"partition": derivation.turn, "partitions": derivation.shares}
    still = {tuple(row[0]) for row in looking.connection.execute(comparison.text.encode(), parameters)}
    unknown = {tuple(found.place.values()) for found in failed}
    return {tuple(key) for key in keys} - still - unknown


def _table(read_model: ReadModel, alias: str) -> sa.FromClause:
    columns: Iterator[sa.ColumnClause[Any]] = (sa.column(column.name) for column in read_model.columns)
    return sa.table(read_model.name, *columns, schema=read_model.schema).alias(alias)


def _among(table: sa.FromClause, key: tuple[str, ...]) -> Element:
    wholly = postgresql.array([as_text(table.c[name]) for name in key])
    return wholly.in_(sa.select(TOUCHED.c.key))
