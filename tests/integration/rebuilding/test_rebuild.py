"""Rebuild: beside the live read model and without affecting it, resumable after any interruption."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql as identifiers

from acci.domain.projections import Projection
from acci.store.generations import generations, lifecycle
from acci.store.generations.generations import Busy, Generation
from acci.store.postgres.database import Connection, connect
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build, new_generation, publish
from acci.store.registry import Catalogue
from tests.support.histories import append_orders, append_users, cut_log, value
from tests.support.prefect_server import wait_for
from tests.support.read_models import (
    changed_users,
    cut,
    live,
    live_with_orders,
    live_with_users,
    rows_of,
    stuck_half_way,
    wait_until_blocked,
    wrong_rows,
)


def in_the_making(connection: Connection, projection: type[Projection]) -> Generation:
    found = generations.building(connection, projection.name)
    assert found is not None
    return found


# -- the rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_any_number_of_partitions_gives_the_same_rows(
    connection: Connection, catalogue: Catalogue, users: type[Projection], sales: type[Projection], partitions: int
) -> None:
    append_users(connection, 100)
    append_orders(connection, 100)
    for projection in (users, sales):
        generation, parts = new_generation.begin(connection, catalogue, projection, partitions)
        assert len(parts) == partitions
        rows = sum(new_generation.fill(connection, projection, generation, part).rows for part in parts)
        publish.publish(connection, projection, new_generation.finish(connection, projection, generation))
        assert wrong_rows(connection, projection) == 0
        assert rows == len(rows_of(connection, projection))


def test_events_that_arrive_meanwhile(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """Before a partition's share is taken, after it, while others are filled, until the swap."""
    append_orders(connection, 1000, "early-")
    generation, parts = new_generation.begin(connection, catalogue, sales, 3)

    def fill(part: generations.Partition) -> None:
        with connect(database_url, "rebuild") as mine:
            append_orders(mine, 100, f"before-{part.partition}-")
            new_generation.fill(mine, sales, generation, part)
            append_orders(mine, 100, f"after-{part.partition}-")

    with ThreadPoolExecutor() as threads:
        list(threads.map(fill, parts))
    append_orders(connection, 15_000, "late-")
    finished = new_generation.finish(connection, sales, generation)
    assert finished.checkpoint == 1000
    append_orders(connection, 10, "last-")
    assert publish.publish(connection, sales, finished).checkpoint == 1000 + 600 + 15_000 + 10
    assert wrong_rows(connection, sales) == 0


def test_indexes_and_constraints_are_those_of_the_file(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    live_with_users(connection, catalogue, users, 20)
    schema = live(connection, users).schema
    found = connection.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = %s ORDER BY 1", (schema,)
    ).fetchall()
    assert [row[0] for row in found] == ["user_view_by_name", "user_view_pkey", "user_view_search"]
    again = identifiers.SQL("INSERT INTO {0} SELECT * FROM {0}").format(identifiers.Identifier(schema, "user_view"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(again)


# -- interrupted ----------------------------------------------------------------------------------------------------


def test_an_interrupted_rebuild_is_resumed(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    live_with_orders(connection, catalogue, sales, 300)
    before = rows_of(connection, sales)
    with connect(database_url, "rebuild") as first:
        generation, parts = new_generation.begin(first, catalogue, sales, 3)
        new_generation.fill(first, sales, generation, parts[1])
    append_orders(connection, 50, "more-")
    assert rows_of(connection, sales) == before
    assert live(connection, sales).generation == 1

    again, parts = new_generation.begin(connection, catalogue, sales, 5)
    assert again.generation == generation.generation
    assert [part.is_done for part in parts] == [False, True, False], "as it was begun, not as requested now"
    with pytest.raises(Busy):
        new_generation.finish(connection, sales, again)
    assert new_generation.fill(connection, sales, again, parts[1]).rows == 0
    for part in parts:
        new_generation.fill(connection, sales, again, part)
        new_generation.fill(connection, sales, again, part)
    new_generation.finish(connection, sales, again)
    publish.publish(connection, sales, new_generation.finish(connection, sales, again))
    assert live(connection, sales).generation == generation.generation
    assert wrong_rows(connection, sales) == 0


def test_cut_off_within_a_statement(
    connection: Connection, catalogue: Catalogue, users: type[Projection], database_url: str
) -> None:
    live_with_users(connection, catalogue, users, 200)
    append_users(connection, 100, first=201)
    before = rows_of(connection, users)
    generation, (part,) = new_generation.begin(connection, catalogue, users, 1)
    with (
        stuck_half_way(connection, generation, database_url),
        connect(database_url, "rebuild") as runner,
        ThreadPoolExecutor() as threads,
    ):
        filling = threads.submit(new_generation.fill, runner, users, generation, part)
        wait_until_blocked(connection, runner.info.backend_pid)
        with pytest.raises(Busy):
            new_generation.fill(connection, users, generation, part)
        cut(connection, runner.info.backend_pid)
        assert isinstance(filling.exception(), psycopg.OperationalError)
    assert rows_of(connection, users, generation.schema) == []
    assert rows_of(connection, users) == before
    assert not generations.partitions(connection, generation)[0].is_done

    build.rebuild(connection, catalogue, users)
    assert live(connection, users).generation == generation.generation
    assert wrong_rows(connection, users) == 0


def test_killed(connection: Connection, catalogue: Catalogue, users: type[Projection], database_url: str) -> None:
    live_with_users(connection, catalogue, users, 200)
    generation, _ = new_generation.begin(connection, catalogue, users, 1)
    program = (
        "import sys; from acci.store.registry import load; from acci.store.postgres.database import connect;"
        "from acci.store.rebuilding.build import rebuild;"
        "catalogue = load(['acci.domain.users']);"
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
        # The server does not know that its client is gone, and its statement still waits.
        wait_for(lambda: not value(connection, at_work), 30, "the server has noticed")
    assert live(connection, users).generation == 1

    build.rebuild(connection, catalogue, users)
    assert live(connection, users).generation == generation.generation
    assert wrong_rows(connection, users) == 0


def test_cut_off_while_waiting_to_swap(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    live_with_orders(connection, catalogue, sales, 100)
    append_orders(connection, 100, "more-")
    with (
        connect(database_url, "reader") as reader,
        reader.transaction(),
        connect(database_url, "rebuild") as runner,
        ThreadPoolExecutor() as threads,
    ):
        reader.execute("SELECT FROM read.daily_sales")
        rebuild = threads.submit(build.rebuild, runner, catalogue, sales)
        wait_until_blocked(connection, runner.info.backend_pid)
        cut(connection, runner.info.backend_pid)
        assert isinstance(rebuild.exception(), psycopg.OperationalError)
    assert live(connection, sales).generation == 1
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0

    finished = in_the_making(connection, sales)
    assert finished.checkpoint == 200
    build.rebuild(connection, catalogue, sales)
    assert live(connection, sales).generation == finished.generation
    assert wrong_rows(connection, sales) == 0


def test_an_interrupted_rebuild_by_other_rules_is_discarded(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    append_users(connection, 50)
    old, (part,) = new_generation.begin(connection, catalogue, changed_users(), 1)
    new_generation.fill(connection, changed_users(), old, part)

    build.rebuild(connection, catalogue, users)
    assert live(connection, users).generation != old.generation
    assert wrong_rows(connection, users) == 0
    assert generations.one(connection, old.generation).state == "dropped"
    assert value(connection, "SELECT to_regnamespace(%s) IS NULL", (old.schema,))


def test_an_interrupted_rebuild_of_another_log_is_discarded(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    """The log was brought back from an older backup while a rebuild lay half done."""
    append_orders(connection, 100)
    old, parts = new_generation.begin(connection, catalogue, sales, 2)
    new_generation.fill(connection, sales, old, parts[0])
    cut_log(connection, after=60)
    append_orders(connection, 10, "other-")

    build.rebuild(connection, catalogue, sales)
    assert live(connection, sales).checkpoint == 70
    assert wrong_rows(connection, sales) == 0


def test_one_rebuild_at_a_time(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    with (
        connect(database_url, "first") as first,
        generations.exclusive_run(first, "daily_sales", "rebuild"),
        pytest.raises(Busy, match="Another rebuild of daily_sales is under way"),
    ):
        build.rebuild(connection, catalogue, sales)
    assert live(connection, sales).generation == 1


# -- old generations ------------------------------------------------------------------------------------------------


def test_the_newest_old_generations_are_kept(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    append_orders(connection, 10)
    for _ in range(4):
        build.rebuild(connection, catalogue, sales)
    assert [each.generation for each in generations.kept(connection, "daily_sales")] == [3, 2, 1]
    assert lifecycle.retain(connection, "daily_sales", 1) == 2
    assert [each.generation for each in generations.kept(connection, "daily_sales")] == [3]
    assert lifecycle.retain(connection, "daily_sales", 1) == 0
    schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'generation%' ORDER BY 1")
    assert schemas.fetchall() == [("generation_3",), ("generation_4",)]
    assert wrong_rows(connection, sales) == 0
