"""Rebuild: beside the live read model, resumable after any end, and never at its expense."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as identifiers

from domain.errors import ProjectionError
from domain.projections import Projection
from domain.users import CONTEXT
from store.catalogue import Catalogue, load
from store.database import Connection, connect
from store.projecting import generations, rebuilding, swapping
from store.projecting.batches import catch_up
from store.projecting.generations import Busy, Generation
from tests.histories import append_orders, append_users, cut_log, value
from tests.prefect_server import wait_for
from tests.read_models import (
    CONTEXTS,
    changed_users,
    cut,
    live,
    rows_of,
    stuck_half_way,
    wait_until_blocked,
    wrong_rows,
)


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
    """Its rows count and sum: an event that is applied twice shows."""
    return catalogue.projection("daily_sales")


def in_the_making(connection: Connection, projection: type[Projection]) -> Generation:
    found = generations.building(connection, projection.name)
    assert found is not None
    return found


# -- the rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_any_number_of_partitions_gives_the_same(
    connection: Connection, catalogue: Catalogue, users: type[Projection], sales: type[Projection], partitions: int
) -> None:
    append_users(connection, 100)
    append_orders(connection, 100)
    for projection in (users, sales):
        generation, parts = rebuilding.begin(connection, catalogue, projection, partitions)
        assert len(parts) == partitions
        rows = sum(rebuilding.fill(connection, projection, generation, part).rows for part in parts)
        swapping.publish(connection, projection, rebuilding.finish(connection, generation))
        assert wrong_rows(connection, projection) == 0
        assert rows == len(rows_of(connection, projection))


def test_events_that_arrive_meanwhile(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """Before a partition's share is taken, after it, while others are filled, until the swap."""
    append_orders(connection, 1000, "early-")
    generation, parts = rebuilding.begin(connection, catalogue, sales, 3)

    def fill(part: generations.Partition) -> None:
        with connect(database_url, "rebuild") as mine:
            append_orders(mine, 100, f"before-{part.partition}-")
            rebuilding.fill(mine, sales, generation, part)
            append_orders(mine, 100, f"after-{part.partition}-")

    with ThreadPoolExecutor() as threads:
        list(threads.map(fill, parts))
    append_orders(connection, 15_000, "late-")
    finished = rebuilding.finish(connection, generation)
    assert finished.checkpoint == 1000
    append_orders(connection, 10, "last-")
    assert swapping.publish(connection, sales, finished).checkpoint == 1000 + 600 + 15_000 + 10
    assert wrong_rows(connection, sales) == 0


def test_indexes_and_constraints_are_those_of_the_file(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    append_users(connection, 20)
    rebuilding.rebuild(connection, catalogue, users)
    schema = live(connection, users).schema
    found = connection.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = %s ORDER BY 1", (schema,)
    ).fetchall()
    assert [row[0] for row in found] == ["user_view_by_name", "user_view_pkey", "user_view_search"]
    again = identifiers.SQL("INSERT INTO {0} SELECT * FROM {0}").format(identifiers.Identifier(schema, "user_view"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(again)


# -- interrupted ----------------------------------------------------------------------------------------------------


def test_an_interrupted_rebuild_is_gone_on_with(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 300)
    rebuilding.rebuild(connection, catalogue, sales)
    before = rows_of(connection, sales)
    with connect(database_url, "rebuild") as first:
        generation, parts = rebuilding.begin(first, catalogue, sales, 3)
        rebuilding.fill(first, sales, generation, parts[1])
    append_orders(connection, 50, "more-")
    assert rows_of(connection, sales) == before
    assert live(connection, sales).generation == 1

    again, parts = rebuilding.begin(connection, catalogue, sales, 5)
    assert again.generation == generation.generation
    assert [part.is_done for part in parts] == [False, True, False], "as it was begun, whatever is asked for now"
    with pytest.raises(Busy):
        rebuilding.finish(connection, again)
    assert rebuilding.fill(connection, sales, again, parts[1]).rows == 0
    for part in parts:
        rebuilding.fill(connection, sales, again, part)
        rebuilding.fill(connection, sales, again, part)
    rebuilding.finish(connection, again)
    swapping.publish(connection, sales, rebuilding.finish(connection, again))
    assert live(connection, sales).generation == generation.generation
    assert wrong_rows(connection, sales) == 0


def test_cut_off_within_a_statement(
    connection: Connection, catalogue: Catalogue, users: type[Projection], database_url: str
) -> None:
    append_users(connection, 200)
    rebuilding.rebuild(connection, catalogue, users)
    append_users(connection, 100, first=201)
    before = rows_of(connection, users)
    generation, (part,) = rebuilding.begin(connection, catalogue, users, 1)
    with (
        stuck_half_way(connection, generation, database_url),
        connect(database_url, "rebuild") as runner,
        ThreadPoolExecutor() as threads,
    ):
        filling = threads.submit(rebuilding.fill, runner, users, generation, part)
        wait_until_blocked(connection, runner.info.backend_pid)
        with pytest.raises(Busy):
            rebuilding.fill(connection, users, generation, part)
        cut(connection, runner.info.backend_pid)
        assert isinstance(filling.exception(), psycopg.OperationalError)
    assert rows_of(connection, users, generation.schema) == []
    assert rows_of(connection, users) == before
    assert not generations.partitions(connection, generation)[0].is_done

    rebuilding.rebuild(connection, catalogue, users)
    assert live(connection, users).generation == generation.generation
    assert wrong_rows(connection, users) == 0


def test_killed(connection: Connection, catalogue: Catalogue, users: type[Projection], database_url: str) -> None:
    append_users(connection, 200)
    rebuilding.rebuild(connection, catalogue, users)
    generation, _ = rebuilding.begin(connection, catalogue, users, 1)
    program = (
        "import sys; from store.catalogue import load; from store.database import connect;"
        "from store.projecting.rebuilding import rebuild;"
        "catalogue = load(['domain.users']);"
        "rebuild(connect(sys.argv[1], 'killed'), catalogue, catalogue.projection('user_view'))"
    )
    at_work = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'acci killed'"
    with stuck_half_way(connection, generation, database_url):
        process = subprocess.Popen([sys.executable, "-c", program, database_url])
        try:
            stuck = f"{at_work} AND wait_event_type = 'Lock'"
            wait_for(lambda: value(connection, stuck), 60, "it is at work")
        finally:
            process.kill()
            process.wait()
        # Nobody told the server that its client is gone, and its statement still waits.
        wait_for(lambda: not value(connection, at_work), 30, "the server has noticed")
    assert live(connection, users).generation == 1

    rebuilding.rebuild(connection, catalogue, users)
    assert live(connection, users).generation == generation.generation
    assert wrong_rows(connection, users) == 0


def test_cut_off_while_waiting_to_swap(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 100)
    rebuilding.rebuild(connection, catalogue, sales)
    append_orders(connection, 100, "more-")
    with (
        connect(database_url, "reader") as reader,
        reader.transaction(),
        connect(database_url, "rebuild") as runner,
        ThreadPoolExecutor() as threads,
    ):
        reader.execute("SELECT FROM read.daily_sales")
        rebuild = threads.submit(rebuilding.rebuild, runner, catalogue, sales)
        wait_until_blocked(connection, runner.info.backend_pid)
        cut(connection, runner.info.backend_pid)
        assert isinstance(rebuild.exception(), psycopg.OperationalError)
    assert live(connection, sales).generation == 1
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0

    finished = in_the_making(connection, sales)
    assert finished.checkpoint == 200
    rebuilding.rebuild(connection, catalogue, sales)
    assert live(connection, sales).generation == finished.generation
    assert wrong_rows(connection, sales) == 0


def test_an_interrupted_rebuild_by_other_rules_is_thrown_away(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    append_users(connection, 50)
    old, (part,) = rebuilding.begin(connection, catalogue, changed_users(), 1)
    rebuilding.fill(connection, changed_users(), old, part)

    rebuilding.rebuild(connection, catalogue, users)
    assert live(connection, users).generation != old.generation
    assert wrong_rows(connection, users) == 0
    assert generations.one(connection, old.generation).state == "dropped"
    assert value(connection, "SELECT to_regnamespace(%s) IS NULL", (old.schema,))


def test_an_interrupted_rebuild_of_another_log_is_thrown_away(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    """The log was brought back from an older backup while a rebuild lay half done."""
    append_orders(connection, 100)
    old, parts = rebuilding.begin(connection, catalogue, sales, 2)
    rebuilding.fill(connection, sales, old, parts[0])
    cut_log(connection, after=60)
    append_orders(connection, 10, "other-")

    rebuilding.rebuild(connection, catalogue, sales)
    assert live(connection, sales).checkpoint == 70
    assert wrong_rows(connection, sales) == 0


def test_one_rebuild_at_a_time(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    rebuilding.rebuild(connection, catalogue, sales)
    with (
        connect(database_url, "first") as first,
        generations.turn(first, "daily_sales", "rebuild"),
        pytest.raises(Busy, match="Another rebuild of daily_sales is under way"),
    ):
        rebuilding.rebuild(connection, catalogue, sales)
    assert live(connection, sales).generation == 1


# -- refused --------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_table(tmp_path: Path, catalogue: Catalogue) -> Callable[[str], Catalogue]:
    """The catalogue with another SQL file for the table of user_view."""

    def changed(text: str) -> Catalogue:
        folder = tmp_path / "read_models"
        folder.mkdir(exist_ok=True)
        (folder / "user_view.sql").write_text(text)
        return Catalogue((replace(CONTEXT, sql=tmp_path),))

    return changed


COLUMNS = "id text NOT NULL, email text, name text, status text, created_at timestamptz, updated_at timestamptz"
WHOLE = f"CREATE TABLE user_view (tenant_id text, {COLUMNS}, PRIMARY KEY (tenant_id, id));"
GENERATED = COLUMNS.replace("name text", "name text GENERATED ALWAYS AS (id) STORED, PRIMARY KEY (tenant_id, id)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CREATE TABEL user_view ()", 'PostgreSQL refuses its SQL file: syntax error at or near "TABEL"'),
        (f"CREATE TABLE user_view (tenant_id text, {COLUMNS}); SELECT 1 / 0", "division by zero"),
        (f"CREATE TABLE users (tenant_id text, {COLUMNS})", "its SQL file makes no table 'user_view'"),
        ("", "its SQL file makes no table 'user_view'"),
        (f"CREATE TABLE user_view (tenant_id text NOT NULL, {COLUMNS})", "needs PRIMARY KEY (tenant_id, id)"),
        ("CREATE TABLE user_view (tenant_id text, id text, PRIMARY KEY (tenant_id, id))", "no column 'email'"),
        (f"CREATE TABLE user_view (tenant_id text, {GENERATED})", "PostgreSQL generates column 'name'"),
        (
            WHOLE + "ALTER TABLE user_view ADD CONSTRAINT boss FOREIGN KEY (tenant_id, name) REFERENCES user_view",
            "foreign key 'boss' of user_view points at it",
        ),
        (
            WHOLE + "CREATE TABLE notes (tenant_id text, id text, FOREIGN KEY (tenant_id, id) REFERENCES user_view)",
            "Take that foreign key out of the SQL file",
        ),
    ],
)
def test_a_table_that_will_not_do_is_refused_and_the_live_one_stays(
    connection: Connection,
    catalogue: Catalogue,
    users: type[Projection],
    with_table: Callable[[str], Catalogue],
    text: str,
    says: str,
) -> None:
    append_users(connection, 20)
    rebuilding.rebuild(connection, catalogue, users)
    with pytest.raises(ProjectionError) as refusal:
        rebuilding.rebuild(connection, with_table(text), users)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)

    assert live(connection, users).generation == 1
    assert generations.building(connection, "user_view") is None
    schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'generation%'").fetchall()
    assert schemas == [("generation_1",)]
    append_users(connection, 20, first=21)
    catch_up(connection, catalogue, users)
    assert wrong_rows(connection, users) == 0


def test_a_foreign_key_to_another_table_of_the_file_holds(
    connection: Connection, users: type[Projection], with_table: Callable[[str], Catalogue]
) -> None:
    states = "CREATE TABLE states (status text PRIMARY KEY); INSERT INTO states VALUES ('active');"
    table = WHOLE.replace("status text", "status text REFERENCES states")
    catalogue = with_table(states + table)
    append_users(connection, 20)
    rebuilding.rebuild(connection, catalogue, users)
    inactive = value(connection, "SELECT count(*) FROM acci.dead_letters")
    assert inactive > 0, "a user who is no longer active is none of the states"
    append_users(connection, 20, first=21)
    catch_up(connection, catalogue, users)
    assert value(connection, "SELECT count(*) FROM acci.dead_letters") > inactive
    assert value(connection, "SELECT bool_and(status = 'active') FROM read.user_view")


def test_a_missing_table_file_is_named(
    connection: Connection, users: type[Projection], with_table: Callable[[str], Catalogue], tmp_path: Path
) -> None:
    catalogue = with_table("")
    (tmp_path / "read_models" / "user_view.sql").unlink()
    with pytest.raises(ProjectionError, match=r"write read_models/user_view\.sql"):
        rebuilding.rebuild(connection, catalogue, users)


def test_a_vacuumed_table_is_read_by_its_index_alone(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    append_users(connection, 200)
    rebuilding.rebuild(connection, catalogue, users)
    seen = "SELECT relallvisible = relpages AND relpages > 0 FROM pg_class WHERE oid = %s::regclass"
    table = f"{live(connection, users).schema}.user_view"
    rebuilding.vacuum(connection, live(connection, users))
    assert value(connection, seen, (table,))


# -- old generations ------------------------------------------------------------------------------------------------


def test_the_newest_old_generations_are_kept(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    append_orders(connection, 10)
    for _ in range(4):
        rebuilding.rebuild(connection, catalogue, sales)
    assert [each.generation for each in generations.kept(connection, "daily_sales")] == [3, 2, 1]
    assert rebuilding.retain(connection, "daily_sales", 1) == 2
    assert [each.generation for each in generations.kept(connection, "daily_sales")] == [3]
    assert rebuilding.retain(connection, "daily_sales", 1) == 0
    schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'generation%' ORDER BY 1")
    assert schemas.fetchall() == [("generation_3",), ("generation_4",)]
    assert wrong_rows(connection, sales) == 0
