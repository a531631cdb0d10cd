"""Which values are equal is the same to the gate's sample, to the gate's differences and to audits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from acci.domain.contexts import Context
from acci.domain.events import Event
from acci.domain.projections import FoldProjection
from acci.domain.projections.python_folds import Row
from acci.store.auditing.audit import all_checks, audit
from acci.store.auditing.findings import Found
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.rebuilding import build, new_generation
from acci.store.registry import Catalogue
from acci.store.verifying.reference_sample import check_sample
from acci.store.verifying.table_diff import Comparison, compare
from tests.domains.orders import CONTEXT, OrderPlaced
from tests.support.histories import append_orders
from tests.support.read_models import live, live_with_orders

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
# By the name of a column: its type, what the fold gives, what is put in its place, and whether that differs.
CASES: dict[str, tuple[str, Any, str, bool]] = {
    "json_scale": ("jsonb", {"n": 1.0}, """'{"n": 1.00}'""", True),
    "json_order": ("jsonb", {"a": 1, "b": 2}, """'{"b": 2, "a": 1}'""", False),
    "numeric_scale": ("numeric", Decimal("1.0"), "1.00", False),
    "numeric_value": ("numeric", Decimal("1.0"), "1.01", True),
    "fixed_scale": ("numeric(6,2)", Decimal("1.5"), "1.5", False),
    "not_a_number": ("double precision", float("nan"), "'NaN'", False),
    "no_longer_nan": ("double precision", float("nan"), "0", True),
    "negative_zero": ("double precision", 0.0, "'-0'", False),
    "padded": ("char(5)", "ab", "'ab   '", False),
    "padded_text": ("text", "ab", "'ab   '", True),
    "zone": ("timestamptz", NOON, "'2026-01-01 14:00+02'", False),
    "instant": ("timestamptz", NOON, "'2026-01-01 14:00+01'", True),
    "interval": ("interval", timedelta(days=1), "'24 hours'", False),
    "floats": ("double precision[]", [0.0], "'{-0}'", True),
    "gone": ("text", "ab", "NULL", True),
}
DIFFERENT = {name for name, (*_, different) in CASES.items() if different}


class Kinds(FoldProjection):
    """A row for each order, all of the same values."""

    key = ("tenant_id", "id")
    handles = (OrderPlaced,)

    def evolve(self, row: Row | None, event: Event[Any]) -> Row | None:  # noqa: ARG002
        return {name: value for name, (_, value, *_) in CASES.items()}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    columns = "".join(f"{name} {type_}, " for name, (type_, *_) in CASES.items())
    (tmp_path / "read_models").mkdir()
    table = f"CREATE TABLE kinds (tenant_id text, id text, {columns} PRIMARY KEY (tenant_id, id));"
    (tmp_path / "read_models" / "kinds.sql").write_text(table)
    return Catalogue((CONTEXT, Context(name="more", sql=tmp_path, events=(), projections=(Kinds,))))


def change(connection: Connection, row: str, *columns: str) -> None:
    """Put the other value into these columns of one row."""
    for name in columns:
        statement = sql.SQL("UPDATE read.kinds SET {} = {} WHERE id = {}")
        other = sql.SQL(CASES[name][2])
        connection.execute(statement.format(sql.Identifier(name), other, row))


def audited(connection: Connection, catalogue: Catalogue) -> dict[str, Found]:
    done = audit(connection, catalogue, all_checks(catalogue)["rows"], "kinds")
    assert done.left_out is None
    return {each.place["id"] or "": each for each in done.found}


def differences(connection: Connection, catalogue: Catalogue, sound: Generation) -> Comparison:
    """What the gate would say of publishing `sound` in place of the live generation."""
    with connection.transaction():
        return compare(connection, Kinds, live(connection, Kinds), sound)


def sampled(connection: Connection, catalogue: Catalogue) -> Comparison:
    """What the gate's sample, of all rows, would say of the live generation."""
    read_model = LiveReadModel(connection, Kinds, live(connection, Kinds))
    with connection.transaction():
        return check_sample(read_model, catalogue, read_model.exclusions(), 10 * len(CASES)).found


def built(connection: Connection, catalogue: Catalogue) -> Generation:
    generation, parts = new_generation.begin(connection, catalogue, Kinds, 1)
    new_generation.fill(connection, Kinds, generation, parts[0])
    return new_generation.finish(connection, Kinds, generation)


def test_gate_and_audit_agree_on_what_is_equal(connection: Connection, catalogue: Catalogue) -> None:
    """Each row has the other value in one column: the row's name is the column's number."""
    append_orders(connection, len(CASES))
    build.rebuild(connection, catalogue, Kinds)
    sound = built(connection, catalogue)
    assert audited(connection, catalogue) == {}
    rows = {name: f"order-{number}" for number, name in enumerate(CASES, 1)}

    for name, row in rows.items():
        change(connection, row, name)

    expected = {rows[name]: name for name in DIFFERENT}
    found = audited(connection, catalogue)
    assert {row: ", ".join(each.details["columns"]) for row, each in found.items()} == expected
    for comparison in (differences(connection, catalogue, sound), sampled(connection, catalogue)):
        assert {key[1]: columns for key, columns in comparison.examples} == expected
        assert comparison.columns == dict.fromkeys((name for name in CASES if name in DIFFERENT), 1)
        assert (comparison.added, comparison.removed, comparison.changed) == (0, 0, len(DIFFERENT))


def test_a_finding_names_only_columns_that_differ(connection: Connection, catalogue: Catalogue) -> None:
    live_with_orders(connection, catalogue, Kinds, 2)
    change(connection, "order-1", "numeric_scale", "negative_zero", "interval", "instant")

    (found,) = audited(connection, catalogue).values()

    assert list(found.details["columns"]) == ["instant"]
    assert found.problem == "The row differs from what its events produce in instant."
