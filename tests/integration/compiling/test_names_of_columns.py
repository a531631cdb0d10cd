"""Columns of any name: with percent signs, quotes, colons, brackets; in every engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import FoldProjection, Projection, Upsert, add, on
from acci.domain.projections.python_folds import Row
from acci.domain.quality import Suite, expect, no_rows
from acci.flows.quality import great_expectations
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.repair import repair
from acci.store.auditing.scope import AuditScope
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations
from acci.store.postgres.database import Connection
from acci.store.projecting import batches
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.support.read_models import backfill

NAMES = (
    "discount %",
    "100 %s",
    "%(after)s",
    "%%",
    'a"b',
    "a:1",
    ":b",
    "(c)",
    "{d}",
    "Größe",
    "select",
    "a'b",
    "x\\y",
    "a b",
    "gone_",
    "stored",
    "folded",
    "wanted",
    "position",
    "events",
)
KEY = ("tenant_id", "id %s) %")


class Priced(EventData):
    price: int


class Prices(Projection):
    key = KEY

    @on(Priced)
    def priced(self, event: Event[Priced]) -> Upsert:
        return Upsert(**{name: add(event.data.price) for name in NAMES})


class Sums(FoldProjection):
    key = KEY
    handles = (Priced,)

    def evolve(self, row: Row | None, event: Event[Priced]) -> Row | None:
        return {name: (row[name] if row else 0) + event.data.price for name in NAMES}


def table(name: str) -> str:
    quoted = [f'"{each}"' for each in (column.replace('"', '""') for column in NAMES)]
    columns = ", ".join(f"{each} bigint NOT NULL CHECK ({each} > 0)" for each in quoted)
    return (
        f'CREATE TABLE {name} (tenant_id text, "{KEY[1]}" text, {columns},'
        f' "odd %" boolean GENERATED ALWAYS AS ("discount %" % 2 = 1) STORED, "made %" text DEFAULT \'10 %\','
        f' PRIMARY KEY (tenant_id, "{KEY[1]}")); CREATE INDEX "by %" ON {name} ("100 %s");'
    )


def suite(projection: type[Projection]) -> Suite:
    return Suite(
        projection,
        *(expect("expect_column_values_to_not_be_null", column=name) for name in NAMES if "%" not in name),
        no_rows('"discount %" < 0 AND \'{"a":1, "b": {":c": "{d}"}}\'::jsonb IS NOT NULL', "A % is negative: x."),
        no_rows("\"a:1\" < 0 OR 'a' LIKE '%:b\\:c{x}'", "Odd."),
    )


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "read_models").mkdir()
    for name in ("prices", "sums"):
        (tmp_path / "read_models" / f"{name}.sql").write_text(table(name))
    kinds: tuple[type[Projection], ...] = (Prices, Sums)
    context = Context(
        name="odds", sql=tmp_path, events=(Priced,), projections=kinds, suites=tuple(suite(each) for each in kinds)
    )
    return Catalogue((context,))


def happen(connection: Connection, first: int, last: int) -> None:
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           SELECT now(), gen_random_uuid(), n, 't', 'Thing', 'a%%b', 'Priced', jsonb_build_object('price', n), '{}'
           FROM generate_series(%s::int, %s::int) AS n""",
        (first, last),
    )


def findings(connection: Connection, catalogue: Catalogue, extent: AuditScope) -> Iterator[Any]:
    for check, name in chosen(catalogue, ("rows", "second_opinion", "totals", "table", "rules"), None):
        audited = audit(connection, catalogue, check, name, extent)
        yield from ((check.name, name, each) for each in audited.found)
        if not audited.fits:
            continue
        assert audited.left_out is None, (check.name, audited.left_out)


@pytest.mark.parametrize("projection", [Prices, Sums])
def test_a_column_may_have_any_name(connection: Connection, catalogue: Catalogue, projection: type[Projection]) -> None:
    for each in catalogue.projections.values():
        build.rebuild(connection, catalogue, each)
    happen(connection, 1, 3)
    for each in catalogue.projections.values():
        assert batches.catch_up(connection, catalogue, each).dead_letters == 0
    happen(connection, 4, 4)
    for each in catalogue.projections.values():
        assert batches.catch_up(connection, catalogue, each).dead_letters == 0
    live = generations.live(connection, projection.name)
    assert live is not None

    wholly = [
        *findings(connection, catalogue, AuditScope()),
        *findings(connection, catalogue, AuditScope(keys=(("t", "a%b"),))),
    ]
    assert wholly == []
    (row,) = rows_as_of(connection, catalogue, projection)
    assert [row[name] for name in NAMES] == [10] * len(NAMES)
    (row,) = rows_as_of(connection, catalogue, projection, keys=[("t", "a%b")], position=2)
    assert [row[name] for name in NAMES] == [3] * len(NAMES)

    backfill(connection, catalogue, projection, Choice(keys=(("t", "a%b"),)))
    backfill(connection, catalogue, projection, Choice(tenants=("t",)))
    where = sql.Identifier(live.schema, projection.name)
    connection.execute(sql.SQL('UPDATE {} SET "%%" = 99').format(where), prepare=False)
    assert {each[0] for each in findings(connection, catalogue, AuditScope())} >= {"rows", "second_opinion"}
    repair(connection, catalogue)
    assert [*findings(connection, catalogue, AuditScope())] == []
    build.rebuild(connection, catalogue, projection, steps=build.STEPS)
    live = generations.live(connection, projection.name)
    assert live is not None
    for span in (None, (0, 2)):
        failures = great_expectations.validate(connection, catalogue.suites[projection.name], live, span).failures
        assert [str(each) for each in failures] == []
        large = Suite(projection, no_rows('"a:1" > 5', "Large."))
        (told,) = great_expectations.validate(connection, large, live, span).failures
        assert (told.failing, dict(told.rows[0])) == (1, {"tenant_id": "t", KEY[1]: "a%b"})
