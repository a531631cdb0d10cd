"""What depends on a read model, or belongs to its view, outlives a swap; or the swap is refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as identifiers

from acci.domain.projections import Projection
from acci.store.generations.view import ColumnsInUse
from acci.store.postgres.database import Connection
from acci.store.postgres.tenants import enter
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.domains.orders import CONTEXT
from tests.support.histories import append_orders, value
from tests.support.read_models import live, live_with_orders, live_with_users, wrong_rows


@pytest.fixture
def roles(connection: Connection) -> Iterator[tuple[str, str]]:
    """Two roles of this test's own, since roles belong to the whole server."""
    suffix = connection.info.dbname.rpartition("_")[2]
    names = (f"analyst_{suffix}", f"app_{suffix}")
    for name in names:
        connection.execute(identifiers.SQL("CREATE ROLE {}").format(identifiers.Identifier(name)))
        connection.execute(identifiers.SQL("GRANT USAGE ON SCHEMA read TO {}").format(identifiers.Identifier(name)))
    yield names
    for name in names:
        connection.execute(identifiers.SQL("DROP OWNED BY {}").format(identifiers.Identifier(name)))
        connection.execute(identifiers.SQL("DROP ROLE {}").format(identifiers.Identifier(name)))


def privileges(connection: Connection) -> set[tuple[str, str, str]]:
    rows = connection.execute(
        """SELECT grantee, privilege_type, is_grantable FROM information_schema.role_table_grants
           WHERE table_schema = 'read' AND table_name = 'user_view' AND grantee NOT IN (current_user, 'acci_project')"""
    )
    return set(rows.fetchall())


def test_grants_and_dependent_views_survive(
    connection: Connection, catalogue: Catalogue, users: type[Projection], roles: tuple[str, str]
) -> None:
    analyst, app = roles
    live_with_users(connection, catalogue, users, 30)
    for statement, role in (
        ("GRANT SELECT ON read.user_view TO {}", analyst),
        ("GRANT SELECT ON read.user_view TO {} WITH GRANT OPTION", app),
    ):
        connection.execute(identifiers.SQL(statement).format(identifiers.Identifier(role)))
    connection.execute("CREATE VIEW public.active AS SELECT count(*) FROM read.user_view WHERE status = 'active'")
    before, active = privileges(connection), value(connection, "SELECT * FROM public.active")
    assert len(before) == 3, "the two, and who reads"

    build.rebuild(connection, catalogue, users)

    assert privileges(connection) == before
    assert value(connection, "SELECT * FROM public.active") == active > 0
    table = identifiers.Identifier(live(connection, users).schema, "user_view")
    connection.execute(identifiers.SQL("SET ROLE {}").format(identifiers.Identifier(analyst)))
    assert value(connection, "SELECT count(*) FROM read.user_view") == 0
    enter(connection, "tenant-0")
    assert value(connection, "SELECT count(*) FROM read.user_view") > 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(identifiers.SQL("SELECT FROM {}").format(table))
    connection.execute("RESET ROLE")


@pytest.fixture
def with_columns(tmp_path: Path, catalogue: Catalogue) -> Callable[[str, str], Catalogue]:
    """The catalogue with daily_sales' SQL file changed: one text put in the place of another."""

    def changed(old: str, new: str) -> Catalogue:
        folder = tmp_path / "read_models"
        folder.mkdir()
        for file in (CONTEXT.sql / "read_models").iterdir():
            (folder / file.name).write_text(file.read_text().replace(old, new))
        return Catalogue((replace(CONTEXT, sql=tmp_path),))

    return changed


def test_a_new_column_does_not_affect_dependent_views(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    with_columns: Callable[[str, str], Catalogue],
) -> None:
    live_with_orders(connection, catalogue, sales, 30)
    connection.execute("CREATE VIEW public.report AS SELECT sum(orders)::int AS orders FROM read.daily_sales")
    key = "    PRIMARY KEY"
    mean = "    mean numeric GENERATED ALWAYS AS (amount / orders) STORED,"
    build.rebuild(connection, with_columns(key, f"{mean}\n{key}"), sales)
    assert value(connection, "SELECT orders FROM public.report") == 30
    assert value(connection, "SELECT count(*) FROM read.daily_sales WHERE mean = amount / orders") > 0
    assert wrong_rows(connection, sales) == 0


def test_columns_that_views_use_cannot_be_removed(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    with_columns: Callable[[str, str], Catalogue],
    roles: tuple[str, str],
) -> None:
    live_with_orders(connection, catalogue, sales, 30)
    analyst, _ = roles
    connection.execute(
        identifiers.SQL("GRANT SELECT ON read.daily_sales TO {}").format(identifiers.Identifier(analyst))
    )
    connection.execute("GRANT SELECT ON read.daily_sales TO PUBLIC")
    connection.execute("CREATE VIEW public.report AS SELECT sum(orders)::int AS orders FROM read.daily_sales")
    other_columns = with_columns("orders    bigint ", "orders    integer")
    with pytest.raises(ColumnsInUse) as refusal:
        build.rebuild(connection, other_columns, sales)
    assert "view report depends on view read.daily_sales" in str(refusal.value)
    assert "run the rebuild again" in str(refusal.value)
    assert live(connection, sales).generation == 1
    append_orders(connection, 10, "more-")
    catch_up(connection, catalogue, sales)
    assert value(connection, "SELECT orders FROM public.report") == 40

    connection.execute("DROP VIEW public.report")
    build.rebuild(connection, other_columns, sales)
    assert live(connection, sales).generation == 2
    assert value(connection, "SELECT pg_typeof(orders)::text FROM read.daily_sales LIMIT 1") == "integer"
    assert wrong_rows(connection, sales) == 0
    grantees = connection.execute(
        """SELECT grantee FROM information_schema.role_table_grants
           WHERE (table_schema, table_name) = ('read', 'daily_sales') AND grantee <> 'acci_project' ORDER BY 1"""
    ).fetchall()
    assert grantees == [("PUBLIC",), ("acci_read",), (analyst,)]


def belongings(connection: Connection) -> list[tuple[object, ...]]:
    """What belongs to read.daily_sales, column by column: options, who may do what, remarks."""
    return connection.execute(
        """SELECT attname, attacl::text, col_description(attrelid, attnum), obj_description(attrelid),
                  (SELECT (reloptions, relacl)::text FROM pg_class WHERE oid = attrelid)
           FROM pg_attribute WHERE attrelid = 'read.daily_sales'::regclass AND NOT attisdropped ORDER BY attname"""
    ).fetchall()


def test_options_comments_and_grants_of_the_view_are_kept(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    with_columns: Callable[[str, str], Catalogue],
    roles: tuple[str, str],
) -> None:
    """Also comments and grants on columns: both when its query is replaced and when it is recreated."""
    analyst, app = map(identifiers.Identifier, roles)
    live_with_orders(connection, catalogue, sales, 30)
    for statement in (
        identifiers.SQL("GRANT SELECT (day, amount) ON read.daily_sales TO {}").format(analyst),
        identifiers.SQL("GRANT SELECT (day) ON read.daily_sales TO {} WITH GRANT OPTION").format(app),
        identifiers.SQL("GRANT SELECT ON read.daily_sales TO {}").format(app),
        identifiers.SQL("COMMENT ON VIEW read.daily_sales IS 'What was sold; it''s by day'"),
        identifiers.SQL("COMMENT ON COLUMN read.daily_sales.amount IS 'in euros'"),
        identifiers.SQL("ALTER VIEW read.daily_sales SET (security_barrier = true)"),
    ):
        connection.execute(statement)
    before = belongings(connection)

    build.rebuild(connection, catalogue, sales)
    assert belongings(connection) == before
    other_columns = with_columns("orders    bigint ", "orders    integer")
    build.rebuild(connection, other_columns, sales)
    assert belongings(connection) == before
    assert value(connection, "SELECT pg_typeof(orders)::text FROM read.daily_sales LIMIT 1") == "integer"
