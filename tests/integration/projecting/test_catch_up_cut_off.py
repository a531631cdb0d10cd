"""Catch-up that is cut off: wherever, however often, every event is applied exactly once."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql as identifiers

from acci.domain.projections import Projection
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.refusals import is_transient
from acci.store.projecting.batches import Progress, catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.support.histories import LONGER, append_orders, value
from tests.support.prefect_server import wait_for
from tests.support.read_models import CONTEXTS, cut, live, live_with_users, wait_until_blocked, wrong_rows


class Crash(Exception):
    pass


def test_cut_off_between_two_batches(connection: Connection, catalogue: Catalogue, sales: type[Projection]) -> None:
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 100)

    def crash(progress: Progress) -> None:
        if progress.checkpoint >= 30:
            raise Crash

    with pytest.raises(Crash):
        catch_up(connection, catalogue, sales, batch_size=10, report=crash)
    assert live(connection, sales).checkpoint == 30
    assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == 30

    done = catch_up(connection, catalogue, sales, batch_size=10)
    assert (done.start, done.checkpoint, done.batches) == (30, 100, 7)
    assert wrong_rows(connection, sales) == 0


def test_cut_off_within_a_batch(
    connection: Connection, catalogue: Catalogue, users: type[Projection], database_url: str
) -> None:
    live_with_users(connection, catalogue, users, 200)
    before = live(connection, users).checkpoint
    connection.execute(
        """INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                    data, metadata)
           SELECT now(), gen_random_uuid(), max(version) + 1, tenant_id, aggregate_type, aggregate_id, 'UserUpdated',
                  '{"email": "new@example.org", "name": "New"}', '{}'
           FROM acci.events JOIN read.user_view USING (tenant_id) WHERE aggregate_id = user_view.id
           GROUP BY tenant_id, aggregate_type, aggregate_id"""
    )
    generation = live(connection, users)
    with (
        ThreadPoolExecutor() as threads,
        connect(database_url, "runner") as runner,
        connect(database_url, "other") as other,
        other.transaction(),
    ):
        # Another session has locked one row: the batch's statement changes rows until it reaches that one.
        lock = "SELECT FROM {} WHERE id = (SELECT max(id) FROM {}) FOR UPDATE"
        table = identifiers.Identifier(generation.schema, "user_view")
        other.execute(identifiers.SQL(lock).format(table, table))
        running = threads.submit(catch_up, runner, catalogue, users)
        wait_until_blocked(connection, runner.info.backend_pid)
        cut(connection, runner.info.backend_pid)
        error = running.exception()
    assert isinstance(error, psycopg.OperationalError)
    assert is_transient(error)
    assert live(connection, users).checkpoint == before
    assert value(connection, "SELECT count(*) FROM read.user_view WHERE name = 'New'") == 0

    catch_up(connection, catalogue, users)
    assert value(connection, "SELECT count(*) FROM read.user_view WHERE name <> 'New'") == 0
    assert wrong_rows(connection, users) == 0


def test_cut_off_anywhere_again_and_again(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 30_000 * LONGER)
    dice = random.Random(1)

    def run_and_cut() -> None:
        before = live(connection, sales).checkpoint
        with ThreadPoolExecutor() as threads, connect(database_url, "runner") as runner:
            running = threads.submit(catch_up, runner, catalogue, sales, 5)
            wait_for(lambda: live(connection, sales).checkpoint > before, 30, "it is at work")
            time.sleep(dice.random() * 0.05)
            cut(connection, runner.info.backend_pid)
            assert isinstance(running.exception(), psycopg.OperationalError)

    for _ in range(6 * LONGER):
        run_and_cut()
        reached = live(connection, sales).checkpoint
        assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == reached < 30_000 * LONGER
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0


@contextmanager
def process_that_catches_up(database_url: str, projection: str, batch_size: int) -> Iterator[subprocess.Popen[bytes]]:
    program = (
        "import sys; from acci.store.registry import load; from acci.store.postgres.database import connect;"
        "from acci.store.projecting.batches import catch_up; url, name, size, *contexts = sys.argv[1:];"
        "catalogue = load(contexts);"
        "catch_up(connect(url, 'runner'), catalogue, catalogue.projection(name), int(size))"
    )
    arguments = [sys.executable, "-c", program, database_url, projection, str(batch_size), *CONTEXTS]
    process = subprocess.Popen(arguments)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_killed(connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str) -> None:
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 20_000)
    with process_that_catches_up(database_url, "daily_sales", batch_size=5) as process:
        wait_for(lambda: live(connection, sales).checkpoint >= 500, 60, "it is at work")
        process.kill()
        process.wait()
    gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'acci runner'"
    wait_for(lambda: value(connection, gone), 30, "its transaction is over")
    reached = live(connection, sales).checkpoint
    assert reached < 20_000
    assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == reached

    assert catch_up(connection, catalogue, sales).checkpoint == 20_000
    assert wrong_rows(connection, sales) == 0


# -- batches --------------------------------------------------------------------------------------------------------
