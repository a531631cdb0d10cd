"""The swap: readers see no error, no gap and no step back; what they depend on stays."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from acci.domain.projections import Projection
from acci.store.generations import generations, lifecycle
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.refusals import refusal_of
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.rebuilding import publish as swapping
from acci.store.rebuilding.publish import SwapBlocked, publish
from acci.store.registry import Catalogue
from tests.support.histories import LONGER, append_orders, value
from tests.support.prefect_server import wait_for
from tests.support.read_models import built, live, live_with_orders, wrong_rows

SWAPS = 12 * LONGER
ORDERS = "SELECT coalesce(sum(orders), 0)::int FROM read.daily_sales"


# -- readers --------------------------------------------------------------------------------------------------------


def test_readers_notice_nothing(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """Swap after swap, while events arrive and are caught up with: the count of orders only ever grows."""
    live_with_orders(connection, catalogue, sales, 500)
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
                build.rebuild(connection, catalogue, sales)
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
    live_with_orders(connection, catalogue, sales, 100)
    append_orders(connection, 100, "more-")
    with connect(database_url, "rebuild") as runner, ThreadPoolExecutor() as threads:
        with connect(database_url, "long reader") as reader, reader.transaction():
            assert value(reader, ORDERS) == 100
            rebuild = threads.submit(build.rebuild, runner, catalogue, sales)
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


def test_the_swap_gives_up_for_a_reader_that_does_not_end(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    live_with_orders(connection, catalogue, sales, 100)
    finished = built(connection, catalogue, sales)
    with connect(database_url, "long reader") as reader, reader.transaction():
        value(reader, ORDERS)
        with pytest.raises(SwapBlocked) as refusal:
            publish(connection, sales, finished, timeout=0.3)
        assert "run the same again" in str(refusal.value)
        assert f"(acci long reader), process {reader.info.backend_pid}, idle in transaction" in str(refusal.value)
        assert refusal.value.transient
        assert live(connection, sales).generation == 1
        append_orders(connection, 50, "more-")
        catch_up(connection, catalogue, sales)
        assert value(connection, ORDERS) == 150
    assert publish(connection, sales, finished).checkpoint == 150
    assert wrong_rows(connection, sales) == 0


def test_readers_of_a_generation_to_be_dropped_are_named(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 10)
    finished = built(connection, catalogue, sales)
    with connect(database_url, "long reader") as reader, reader.transaction():
        reader.execute(f"LOCK TABLE {finished.schema}.daily_sales IN ACCESS SHARE MODE".encode())
        with pytest.raises(psycopg.errors.LockNotAvailable) as refusal:
            lifecycle.discard(connection, finished)
        assert f"(acci long reader), process {reader.info.backend_pid}" in str(refusal_of(refusal.value))
    lifecycle.discard(connection, finished)


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
def test_an_old_snapshot_is_refused_rather_than_shown_a_gap(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    database_url: str,
    level: psycopg.IsolationLevel,
) -> None:
    live_with_orders(connection, catalogue, sales, 100)
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


# -- checkpoints ----------------------------------------------------------------------------------------------------


def test_the_new_generation_continues_where_the_old_one_was(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """The old one is ahead of the mark that the swap finds: readers must not go back."""
    live_with_orders(connection, catalogue, sales, 100)
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
    live_with_orders(connection, catalogue, sales, 100)
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
    live_with_orders(connection, catalogue, sales, 100)
    finished = built(connection, catalogue, sales)
    publish(connection, sales, finished)
    append_orders(connection, 20, "more-")
    assert publish(connection, sales, finished).state == "live"
    append_orders(connection, swapping.REMAINING_POSITIONS + 1, "many-")
    assert publish(connection, sales, finished).state == "live"
    catch_up(connection, catalogue, sales)
    assert [each.generation for each in generations.kept(connection, "daily_sales")] == [1]
    assert wrong_rows(connection, sales) == 0
