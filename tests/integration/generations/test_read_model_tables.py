"""What the rules and the table of a read model must agree on, said in a sentence when the table is made."""

from typing import Any

import pytest

from acci.domain.errors import ProjectionError
from acci.domain.events import Event
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.python_folds import Row
from acci.store.postgres.database import Connection
from acci.store.testing.harness import ProjectionHarness
from tests.unit.test_projection_refusals import Ordered, define

NOTED = "Upsert(note=event.data.note, lines=add(event.data.lines))"
KEY = "tenant_id text, id text, PRIMARY KEY (tenant_id, id)"
SENTENCES = (
    ("CREATE TABLE other (id text)", "its SQL file makes no table 'orders'."),
    (f"CREATE TABLE orders (note text, {KEY})", "its table has no column 'lines'; add it to the SQL file."),
    (
        f"CREATE TABLE orders (note text GENERATED ALWAYS AS ('x') STORED, lines bigint, {KEY})",
        "PostgreSQL generates column 'note'; take it out of the rules.",
    ),
    (
        "CREATE TABLE orders (note text, lines bigint, tenant_id text, id text)",
        "its table needs PRIMARY KEY (tenant_id, id), the projection's key.",
    ),
    (
        f"CREATE TABLE orders (note text, lines text, {KEY})",
        "Orders.ordered on Ordered: it gives an integer to column 'lines' of type text; give both one type.",
    ),
    (
        f"CREATE TABLE orders (note text, lines double precision, {KEY})",
        "it adds in column 'lines' of type double precision; make it bigint or numeric, which are exact.",
    ),
    (
        "CREATE TABLE orders (note text, lines bigint, tenant_id text, id jsonb, PRIMARY KEY (tenant_id, id))",
        "key column 'id' is jsonb; make it text, an integer, numeric(p,s), uuid or the like.",
    ),
    (f"CREATE UNLOGGED TABLE orders (note text, lines bigint, {KEY})", "a crash would empty it behind its checkpoint"),
    (f"CREATE TEMP TABLE orders (note text, lines bigint, {KEY})", "its SQL file makes no table 'orders'."),
    ("CREATE TABLE orders (note text, lines bigint", "PostgreSQL refuses its SQL file: syntax error at end of input"),
    *(
        (
            f"CREATE TABLE orders (note text DEFAULT {default}, lines bigint, {KEY})",
            "'note' changes by itself; have the",
        )
        for default in ("now()", "current_timestamp", "clock_timestamp()::text", "gen_random_uuid()", "random()")
    ),
)


@pytest.mark.parametrize(("table", "expected"), SENTENCES)
def test_the_sentence(connection: Connection, table: str, expected: str) -> None:
    with pytest.raises(ProjectionError) as caught, connection.transaction(force_rollback=True):
        ProjectionHarness(connection, define(NOTED), table)
    assert expected in str(caught.value)


def folded() -> type[Projection]:
    class Orders(FoldProjection):
        key = ("tenant_id", "id")
        handles = (Ordered,)

        def evolve(self, row: Row | None, _: Event[Any]) -> Row | None:
            return row

    return Orders


@pytest.mark.parametrize("projection", [define(NOTED), folded()], ids=["rules", "fold"])
def test_a_key_with_a_non_deterministic_collation_is_refused(
    connection: Connection, projection: type[Projection]
) -> None:
    """This server has no ICU to make one with, so one is said to be such."""
    table = 'CREATE TABLE orders (note text, lines bigint, tenant_id text, id text COLLATE "loose", {})'
    with connection.transaction(force_rollback=True):
        connection.execute('CREATE COLLATION public.loose FROM "C"')
        connection.execute("UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'loose'")
        with pytest.raises(ProjectionError, match="key column 'id' has a collation in which different texts are equal"):
            ProjectionHarness(connection, projection, table.format("PRIMARY KEY (tenant_id, id)"))


@pytest.mark.parametrize(
    "unique",
    [
        "PRIMARY KEY (tenant_id) INCLUDE (id)",
        "UNIQUE (id) INCLUDE (tenant_id)",
        "UNIQUE (tenant_id, id) DEFERRABLE",
        "EXCLUDE USING btree (tenant_id WITH =, id WITH =)",
    ],
)
def test_an_index_that_does_not_make_the_key_unique(connection: Connection, unique: str) -> None:
    table = f"CREATE TABLE orders (note text, lines bigint, tenant_id text, id text, {unique})"
    with pytest.raises(ProjectionError, match="needs PRIMARY KEY"), connection.transaction(force_rollback=True):
        ProjectionHarness(connection, define(NOTED), table)


def test_a_unique_index_of_an_expression_makes_no_key(connection: Connection) -> None:
    table = "CREATE TABLE orders (note text, lines bigint, tenant_id text, id text);"
    index = "CREATE UNIQUE INDEX ON orders (tenant_id, id, lower(note))"
    with pytest.raises(ProjectionError, match="needs PRIMARY KEY"), connection.transaction(force_rollback=True):
        ProjectionHarness(connection, define(NOTED), table + index)


def test_a_primary_key_may_include_other_columns(connection: Connection) -> None:
    table = (
        "CREATE TABLE orders (note text, lines bigint, tenant_id text, id text,"
        " PRIMARY KEY (tenant_id, id) INCLUDE (note))"
    )
    with connection.transaction(force_rollback=True):
        ProjectionHarness(connection, define(NOTED), table)


def test_names_that_are_taken(connection: Connection) -> None:
    table = f"CREATE TABLE orders (acci_ord bigint, {KEY})"
    with (
        pytest.raises(ProjectionError, match="a name such as 'acci_ord' is ACCI's own; choose another"),
        connection.transaction(force_rollback=True),
    ):
        ProjectionHarness(connection, define("Upsert(acci_ord=1)"), table)


@pytest.mark.parametrize("default", ["'known'", "lower('KNOWN')", "'current_state'", "'random(1)'"])
def test_defaults_that_stay(connection: Connection, default: str) -> None:
    with connection.transaction(force_rollback=True):
        projection: type[Projection] = define(NOTED)
        harness: Any = ProjectionHarness(
            connection, projection, f"CREATE TABLE orders (note text DEFAULT {default}, lines bigint, {KEY})"
        )
    assert [column.name for column in harness.columns] == ["note", "lines", "tenant_id", "id"]
