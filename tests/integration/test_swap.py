"""The swap: readers see no error, no gap and no step back; what they depend on stays."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as identifiers

from domain.projections import Projection
from store.catalogue import Catalogue, load
from store.database import Connection, connect
from store.projecting import generations, rebuilding, swapping
from store.projecting.batches import catch_up
from store.projecting.generations import Generation
from store.projecting.swapping import ColumnsInUse, SwapBlocked, publish
from store.tenants import enter
from tests.histories import LONGER, append_orders, append_users, value
from tests.orders import CONTEXT
from tests.prefect_server import wait_for
from tests.read_models import CONTEXTS, live, wrong_rows

SWAPS = 12 * LONGER
ORDERS = "SELECT coalesce(sum(orders), 0)::int FROM read.daily_sales"


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url, "test") as opened:
        yield opened


@pytest.fixture
def catalogue() -> Catalogue:
    return load(CONTEXTS)


@pytest.fixture
def users(catalogue: Catalogue) -> type[Projection]:
    return catalogue.projection("user_view")


@pytest.fixture
def sales(catalogue: Catalogue) -> type[Projection]:
    return catalogue.projection("daily_sales")


def built(connection: Connection, catalogue: Catalogue, projection: type[Projection]) -> Generation:
    """A generation that is ready to be published."""
    generation, parts = rebuilding.begin(connection, catalogue, projection, 1)
    for part in parts:
        rebuilding.fill(connection, projection, generation, part)
    return rebuilding.finish(connection, generation)


# -- readers --------------------------------------------------------------------------------------------------------


def test_readers_notice_nothing(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """Swap after swap, while events arrive and are caught up with: the count of orders only ever grows."""
    append_orders(connection, 500)
    rebuilding.rebuild(connection, catalogue, sales)
    connection.execute("CREATE VIEW public.report AS SELECT sum(orders)::int AS orders FROM read.daily_sales")
    is_over = threading.Event()

    def read(query: str) -> int:
        reads, before = 0, 500
        with connect(database_url, "reader") as mine:
            while not is_over.is_set():
                now = value(mine, query)  # prepared, like every statement
                assert now >= before
                reads, before = reads + 1, now
        return reads

    def write() -> None:
        with connect(database_url, "writer") as mine:
            number = 0
            while not is_over.wait(0.005):
                append_orders(mine, 5, f"new-{number}-")
                number += 1

    def follow() -> None:
        with connect(database_url, "runner") as mine:
            while not is_over.wait(0.005):
                try:
                    catch_up(mine, catalogue, sales, batch_size=100)
                except generations.Busy:
                    continue

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(read, query) for query in (ORDERS, ORDERS, "SELECT orders FROM public.report")]
        others = [threads.submit(write), threads.submit(follow)]
        try:
            for _ in range(SWAPS):
                rebuilding.rebuild(connection, catalogue, sales)
        finally:
            is_over.set()
        assert min(reader.result() for reader in readers) > SWAPS
        for other in others:
            other.result()
    assert live(connection, sales).generation == 1 + SWAPS
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0


def test_a_long_reader_delays_the_swap_and_no_other_reader(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 100)
    rebuilding.rebuild(connection, catalogue, sales)
    append_orders(connection, 100, "more-")
    with connect(database_url, "rebuild") as runner, ThreadPoolExecutor() as threads:
        with connect(database_url, "long reader") as reader, reader.transaction():
            assert value(reader, ORDERS) == 100
            rebuild = threads.submit(rebuilding.rebuild, runner, catalogue, sales)
            tries = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'relation'"
            pid = runner.info.backend_pid
            for _ in range(3):
                wait_for(lambda: value(connection, tries, (pid,)), 30, "it tries to swap", pause=0.01)
                assert value(connection, ORDERS) == 100, "others read on while it tries"
                wait_for(lambda: not value(connection, tries, (pid,)), 30, "it gives way", pause=0.01)
                assert value(connection, ORDERS) == 100
            assert not rebuild.done()
            assert value(reader, ORDERS) == 100
        rebuild.result()
    assert value(connection, ORDERS) == 200


def test_a_reader_who_does_not_end_is_given_way_to(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 100)
    rebuilding.rebuild(connection, catalogue, sales)
    finished = built(connection, catalogue, sales)
    with connect(database_url, "long reader") as reader, reader.transaction():
        value(reader, ORDERS)
        with pytest.raises(SwapBlocked) as refusal:
            publish(connection, sales, finished, patience=0.3)
        assert "run the same again" in str(refusal.value)
        assert refusal.value.transient
        assert live(connection, sales).generation == 1
        append_orders(connection, 50, "more-")
        catch_up(connection, catalogue, sales)
        assert value(connection, ORDERS) == 150
    assert publish(connection, sales, finished).checkpoint == 150
    assert wrong_rows(connection, sales) == 0


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
def test_who_reads_as_of_before_the_swap_is_refused_rather_than_shown_a_gap(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    database_url: str,
    level: psycopg.IsolationLevel,
) -> None:
    append_orders(connection, 100)
    rebuilding.rebuild(connection, catalogue, sales)
    with connect(database_url, "reader") as reader:
        reader.isolation_level = level
        with reader.transaction():
            reader.execute("SELECT FROM acci.events LIMIT 1")
            finished = built(connection, catalogue, sales)
            assert value(reader, ORDERS) == 100
        with reader.transaction():
            reader.execute("SELECT FROM acci.events LIMIT 1")
            publish(connection, sales, finished)
            with pytest.raises(psycopg.errors.SerializationFailure, match="swapped after this transaction began"):
                reader.execute(ORDERS)
        with reader.transaction():
            assert value(reader, ORDERS) == 100


# -- what depends on it ---------------------------------------------------------------------------------------------


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
    append_users(connection, 30)
    rebuilding.rebuild(connection, catalogue, users)
    for statement, role in (
        ("GRANT SELECT ON read.user_view TO {}", analyst),
        ("GRANT SELECT ON read.user_view TO {} WITH GRANT OPTION", app),
    ):
        connection.execute(identifiers.SQL(statement).format(identifiers.Identifier(role)))
    connection.execute("CREATE VIEW public.active AS SELECT count(*) FROM read.user_view WHERE status = 'active'")
    before, active = privileges(connection), value(connection, "SELECT * FROM public.active")
    assert len(before) == 3, "the two, and who reads"

    rebuilding.rebuild(connection, catalogue, users)

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


def test_a_new_column_leaves_dependent_views_be(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    with_columns: Callable[[str, str], Catalogue],
) -> None:
    append_orders(connection, 30)
    rebuilding.rebuild(connection, catalogue, sales)
    connection.execute("CREATE VIEW public.report AS SELECT sum(orders)::int AS orders FROM read.daily_sales")
    key = "    PRIMARY KEY"
    mean = "    mean numeric GENERATED ALWAYS AS (amount / orders) STORED,"
    rebuilding.rebuild(connection, with_columns(key, f"{mean}\n{key}"), sales)
    assert value(connection, "SELECT orders FROM public.report") == 30
    assert value(connection, "SELECT count(*) FROM read.daily_sales WHERE mean = amount / orders") > 0
    assert wrong_rows(connection, sales) == 0


def test_columns_that_others_use_are_not_taken_from_them(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    with_columns: Callable[[str, str], Catalogue],
    roles: tuple[str, str],
) -> None:
    append_orders(connection, 30)
    rebuilding.rebuild(connection, catalogue, sales)
    analyst, _ = roles
    connection.execute(
        identifiers.SQL("GRANT SELECT ON read.daily_sales TO {}").format(identifiers.Identifier(analyst))
    )
    connection.execute("GRANT SELECT ON read.daily_sales TO PUBLIC")
    connection.execute("CREATE VIEW public.report AS SELECT sum(orders)::int AS orders FROM read.daily_sales")
    other_columns = with_columns("orders    bigint ", "orders    integer")
    with pytest.raises(ColumnsInUse) as refusal:
        rebuilding.rebuild(connection, other_columns, sales)
    assert "view report depends on view read.daily_sales" in str(refusal.value)
    assert "run the rebuild again" in str(refusal.value)
    assert live(connection, sales).generation == 1
    append_orders(connection, 10, "more-")
    catch_up(connection, catalogue, sales)
    assert value(connection, "SELECT orders FROM public.report") == 40

    connection.execute("DROP VIEW public.report")
    rebuilding.rebuild(connection, other_columns, sales)
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


def test_all_that_belongs_to_the_view_is_kept(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    with_columns: Callable[[str, str], Catalogue],
    roles: tuple[str, str],
) -> None:
    """Options, remarks and grants on columns, too: when its query is replaced, and when it is made anew."""
    analyst, app = map(identifiers.Identifier, roles)
    append_orders(connection, 30)
    rebuilding.rebuild(connection, catalogue, sales)
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

    rebuilding.rebuild(connection, catalogue, sales)
    assert belongings(connection) == before
    other_columns = with_columns("orders    bigint ", "orders    integer")
    rebuilding.rebuild(connection, other_columns, sales)
    assert belongings(connection) == before
    assert value(connection, "SELECT pg_typeof(orders)::text FROM read.daily_sales LIMIT 1") == "integer"


# -- checkpoints ----------------------------------------------------------------------------------------------------


def test_it_takes_over_where_the_old_one_was(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """The old one is ahead of the mark that the swap finds: readers must not go back."""
    append_orders(connection, 100)
    rebuilding.rebuild(connection, catalogue, sales)
    finished = built(connection, catalogue, sales)
    append_orders(connection, 100, "more-")
    catch_up(connection, catalogue, sales)
    with connect(database_url, "slow writer") as slow, slow.transaction():
        append_orders(slow, 1, "slow-")
        append_orders(connection, 10, "late-")
        assert publish(connection, sales, finished).checkpoint == 200
    assert value(connection, ORDERS) == 200
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0


def test_a_batch_under_way_is_waited_for(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 100)
    rebuilding.rebuild(connection, catalogue, sales)
    finished = built(connection, catalogue, sales)
    with connect(database_url, "runner") as runner, ThreadPoolExecutor() as threads:
        with runner.transaction():
            runner.execute("SELECT FROM acci.generations WHERE state = 'live' FOR UPDATE")
            publishing = threads.submit(publish, connection, sales, finished)
            with connect(database_url, "watcher") as watcher:
                waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
                wait_for(lambda: value(watcher, waits, (connection.info.backend_pid,)), 30, "it waits")
            assert not publishing.done()
        publishing.result()
    assert live(connection, sales).generation == finished.generation


def test_publishing_again_changes_nothing(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    """The answer to the commit was lost, so the task is tried again."""
    append_orders(connection, 100)
    rebuilding.rebuild(connection, catalogue, sales)
    finished = built(connection, catalogue, sales)
    publish(connection, sales, finished)
    append_orders(connection, 20, "more-")
    assert publish(connection, sales, finished).state == "live"
    append_orders(connection, swapping.NEAR + 1, "many-")
    assert publish(connection, sales, finished).state == "live"
    catch_up(connection, catalogue, sales)
    assert [each.generation for each in generations.kept(connection, "daily_sales")] == [1]
    assert wrong_rows(connection, sales) == 0
