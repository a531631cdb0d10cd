"""Catch-up: every event exactly once, with concurrent runners, after any interruption, for any batch size."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from acci.domain.projections import Projection
from acci.store.auditing.audit import all_checks, audit
from acci.store.generations import generations
from acci.store.generations.fingerprints import RebuildNeeded
from acci.store.generations.generations import Busy, CheckpointBeyondLog, NotBuilt
from acci.store.log.high_water import establish
from acci.store.log.positions import end_of_stride
from acci.store.monitoring.metrics import read_metrics
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.statements import sql
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.batches import Progress, apply_batch, catch_up
from acci.store.rebuilding import build, new_generation
from acci.store.rebuilding.partitions import in_one_pass
from acci.store.rebuilding.publish import publish
from acci.store.registry import Catalogue, load
from tests.support.histories import LONGER, append_orders, append_probe, append_users, cut_log, value
from tests.support.read_models import (
    CONTEXTS,
    changed_users,
    cut,
    live,
    live_with_orders,
    live_with_users,
    rows_of,
    wrong_rows,
)

# -- several runners ------------------------------------------------------------------------------------------------


def test_runners_and_writers_at_the_same_time(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """Two runners use the exclusive run, two do not; events arrive meanwhile."""
    build.rebuild(connection, catalogue, sales)
    writing_is_over = threading.Event()

    def write(writer: int) -> None:
        with connect(database_url, "writer") as mine:
            for number in range(30 * LONGER):
                with mine.transaction(force_rollback=number % 5 == 0):
                    append_orders(mine, 20, f"order-{writer}-{number}-")

    def run(step: Callable[[Connection], object]) -> int:
        applied = 0
        with connect(database_url, "runner") as mine:
            while applied == 0 or not writing_is_over.is_set():
                try:
                    step(mine)
                    applied += 1
                except Busy:
                    time.sleep(0.001)
        return applied

    def in_turn(mine: Connection) -> None:
        catch_up(mine, catalogue, sales, batch_size=37)

    def out_of_turn(mine: Connection) -> None:
        generation = live(mine, sales)
        apply_batch(mine, applier_of(mine, sales, generation), generation, establish(mine).position, 23)

    with ThreadPoolExecutor(8) as threads:
        runners = [threads.submit(run, step) for step in (in_turn, in_turn, out_of_turn, out_of_turn)]
        try:
            for writer in [threads.submit(write, writer) for writer in range(3)]:
                writer.result()
        finally:
            writing_is_over.set()
        assert all(runner.result() > 0 for runner in runners)
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0
    assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == 3 * 24 * LONGER * 20


def test_a_second_runner_stops_at_once(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 10)
    generation = live(connection, sales)
    with connect(database_url, "first") as first:
        with (
            generations.exclusive_run(first, "daily_sales", "catch-up"),
            pytest.raises(Busy, match="Another catch-up of daily_sales is under way"),
        ):
            catch_up(connection, catalogue, sales)
        with first.transaction():
            first.execute(sql("projecting/batches:lock"), {"generation": generation.generation, "state": "live"})
            with pytest.raises(Busy):
                catch_up(connection, catalogue, sales)
    assert live(connection, sales).checkpoint == 0
    assert catch_up(connection, catalogue, sales).checkpoint == 10
    assert wrong_rows(connection, sales) == 0


def test_the_exclusive_run_ends_with_its_runner(connection: Connection, database_url: str) -> None:
    def begin_and_be_cut() -> None:
        with connect(database_url, "first") as first, generations.exclusive_run(first, "daily_sales", "catch-up"):
            cut(connection, first.info.backend_pid)
            first.execute("SELECT 1")

    with pytest.raises(psycopg.OperationalError):
        begin_and_be_cut()
    with generations.exclusive_run(connection, "daily_sales", "catch-up"):
        pass


# -- cut off --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["user_view", "daily_sales", "order_totals"])
def test_every_batch_size_gives_what_one_batch_gives(connection: Connection, catalogue: Catalogue, name: str) -> None:
    append_users(connection, 8)
    append_orders(connection, 4)
    with connection.transaction(force_rollback=True):
        append_probe(connection, "a-hole")
    connection.execute(
        """INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                    data, metadata)
           SELECT "timestamp", gen_random_uuid(), version + n, tenant_id, aggregate_type, aggregate_id, 'ItemAdded',
                  jsonb_build_object('amount', n, 'quantity', n::text), '{}'
           FROM acci.events, generate_series(1, 3) AS n WHERE event_type = 'OrderPlaced' ORDER BY n, position"""
    )
    head = establish(connection).position
    assert head > 40
    projection = catalogue.projection(name)
    with connection.transaction(force_rollback=True):
        generation = generations.begin(connection, catalogue, projection)
        applier = applier_of(connection, projection, generation)

        def rows_by_batches_of(batch_size: int) -> list[tuple[Any, ...]]:
            with connection.transaction(force_rollback=True):
                checkpoint = 0
                while checkpoint < head:
                    checkpoint = apply_batch(connection, applier, generation, head, batch_size).checkpoint
                return rows_of(connection, projection, generation.schema)

        in_one_batch = rows_by_batches_of(head)
        assert in_one_batch
        for batch_size in range(1, head):
            assert rows_by_batches_of(batch_size) == in_one_batch, batch_size

    build.rebuild(connection, catalogue, projection)
    assert rows_of(connection, projection) == in_one_batch


def test_repeated_catch_ups_equal_a_rebuild(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    build.rebuild(connection, catalogue, users)
    for part in range(5):
        append_users(connection, 40, first=1 + part * 40)
        catch_up(connection, catalogue, users, batch_size=100 + part)
        assert wrong_rows(connection, users) == 0
    caught_up = rows_of(connection, users)
    build.rebuild(connection, catalogue, users)
    assert rows_of(connection, users) == caught_up
    assert len(caught_up) > 100


def test_progress_is_reported_batch_by_batch(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 25)
    reports: list[Progress] = []
    done = catch_up(connection, catalogue, sales, batch_size=10, report=reports.append)
    assert [(each.start, each.checkpoint, each.target, each.batches) for each in reports] == [
        (0, 10, 25, 1),
        (0, 20, 25, 2),
        (0, 25, 25, 3),
    ]
    assert done == reports[-1]
    assert catch_up(connection, catalogue, sales).batches == 0


# -- what is in its way ---------------------------------------------------------------------------------------------


def test_without_a_build_it_is_refused(connection: Connection, catalogue: Catalogue, users: type[Projection]) -> None:
    with pytest.raises(NotBuilt, match="acci run rebuild user_view"):
        catch_up(connection, catalogue, users)


def test_catch_up_stops_at_the_high_water_mark(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 5, "early-")
    establish(connection)
    with connect(database_url, "slow") as slow:
        with slow.transaction():
            append_orders(slow, 5, "slow-")
            append_orders(connection, 5, "late-")
            assert catch_up(connection, catalogue, sales).checkpoint == 5
        assert catch_up(connection, catalogue, sales).checkpoint == 15
    assert wrong_rows(connection, sales) == 0


def test_other_rules_need_a_rebuild(connection: Connection, catalogue: Catalogue, users: type[Projection]) -> None:
    live_with_users(connection, catalogue, users, 10)
    append_users(connection, 10, first=11)
    checkpoint = live(connection, users).checkpoint
    with pytest.raises(RebuildNeeded) as refusal:
        catch_up(connection, catalogue, changed_users())
    assert "rule created on UserCreated changed" in refusal.value.changes
    assert "rule deleted on UserDeleted is gone" in refusal.value.changes
    assert "acci run rebuild user_view" in str(refusal.value)
    assert live(connection, users).checkpoint == checkpoint

    catch_up(connection, catalogue, users)
    assert wrong_rows(connection, users) == 0


def test_catch_up_continues_on_a_rebuild_published_meanwhile(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 100)

    def rebuild_once(progress: Progress) -> None:
        if progress.checkpoint == 50:
            append_orders(connection, 100, "more-")
            with connect(database_url, "rebuild") as other:
                build.rebuild(other, catalogue, sales)

    catch_up(connection, catalogue, sales, batch_size=50, report=rebuild_once)
    assert live(connection, sales).generation == 2
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0


def test_a_rebuild_by_other_rules_published_meanwhile_is_left_alone(
    connection: Connection, catalogue: Catalogue, users: type[Projection], database_url: str
) -> None:
    """The other process runs newer code: this one must not apply its own rules to that generation."""
    live_with_users(connection, catalogue, users, 20)
    append_users(connection, 40, first=21)
    checkpoint = live(connection, users).checkpoint

    def rebuild_once(progress: Progress) -> None:
        if progress.checkpoint == checkpoint + 50:
            with connect(database_url, "rebuild") as other:
                build.rebuild(other, catalogue, changed_users())
                append_users(other, 20, first=61)

    with pytest.raises(RebuildNeeded):
        catch_up(connection, catalogue, users, batch_size=50, report=rebuild_once)
    assert live(connection, users).generation == 2
    assert value(connection, "SELECT count(*) FROM read.user_view WHERE email <> 'hidden'") == 0


def test_a_checkpoint_beyond_the_log_is_refused_and_a_rebuild_is_the_way_out(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    live_with_orders(connection, catalogue, sales, 20)
    cut_log(connection, after=12)
    with pytest.raises(CheckpointBeyondLog, match=r"up to position 20, but the log ends at 12.*acci run rebuild"):
        catch_up(connection, catalogue, sales)
    assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == 20

    build.rebuild(connection, catalogue, sales)
    assert live(connection, sales).checkpoint == 12
    assert wrong_rows(connection, sales) == 0
    append_orders(connection, 4, "after-")
    assert catch_up(connection, catalogue, sales).checkpoint == 16
    assert wrong_rows(connection, sales) == 0


def test_the_flow_leaves_the_first_build_to_the_running_one(
    connection: Connection, sales: type[Projection], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.logging import disable_run_logger

    from acci.flows.catch_up import catch_up_projection

    monkeypatch.setenv("ACCI_DATABASE_URL", database_url)
    monkeypatch.setenv("ACCI_CONTEXTS", "tests.domains.orders")
    append_orders(connection, 10)
    with disable_run_logger():
        with generations.exclusive_run(connection, sales.name, "rebuild"):
            assert catch_up_projection.fn(sales.name, 100).did == "left to another runner"
        with pytest.raises(NotBuilt):
            catch_up(connection, load(CONTEXTS), sales)
        assert catch_up_projection.fn(sales.name, 100).did == "built"
        append_orders(connection, 10, "more-")
        assert catch_up_projection.fn(sales.name, 100).did == "caught up"
        assert catch_up_projection.fn(sales.name, 100).did == "nothing to do"
    assert wrong_rows(connection, sales) == 0


# -- holes ----------------------------------------------------------------------------------------------------------


def test_a_hole_in_positions_is_skipped_in_one_step(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    """Otherwise catch-up, audits and metrics would go stride by stride through an empty range."""
    append_orders(connection, 20, "early-")
    build.rebuild(connection, catalogue, sales)
    read_metrics(connection, catalogue)
    wide = 10**17
    connection.execute("SELECT setval('acci.events_position_seq', %s)", (wide,))
    append_orders(connection, 20, "late-")

    done = catch_up(connection, catalogue, sales, batch_size=15)

    assert (done.checkpoint, done.batches) == (wide + 20, 3)
    assert wrong_rows(connection, sales) == 0
    assert read_metrics(connection, catalogue).events["OrderPlaced"] == 40
    assert audit(connection, catalogue, all_checks(catalogue)["rows"], sales.name).found == ()


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_rebuild_passes_over_a_hole_at_once(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], in_pieces: bool
) -> None:
    append_orders(connection, 20, "early-")
    connection.execute("SELECT setval('acci.events_position_seq', %s)", (10**17,))
    append_orders(connection, 20, "late-")
    generation, partitions = new_generation.begin(connection, catalogue, sales, 2)
    end = partial(end_of_stride, connection)
    pieces = in_one_pass(partitions, end, 15) if in_pieces else list(partitions)
    done = [new_generation.fill(connection, sales, generation, piece, stride=15) for piece in pieces]
    assert sum(each.batches for each in done) == 8
    assert {part.checkpoint for part in generations.partitions(connection, generation)} == {10**17 + 20}
    publish(connection, sales, new_generation.finish(connection, sales, generation))
    assert wrong_rows(connection, sales) == 0
    again = build.rebuild(connection, catalogue, sales, steps=build.STEPS)  # in strides of millions, with the gate
    assert again.generation.generation > generation.generation
    assert wrong_rows(connection, sales) == 0
