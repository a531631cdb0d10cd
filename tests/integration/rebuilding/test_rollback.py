"""Rolling back: an old generation is live again, caught up, and readers notice nothing."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest

from acci.domain.errors import UnknownNumber
from acci.domain.projections import Projection
from acci.domain.users import CONTEXT
from acci.store.generations import generations, lifecycle
from acci.store.generations.fingerprints import RebuildNeeded
from acci.store.generations.generations import Busy, CheckpointBeyondLog
from acci.store.generations.table_definition import TableAltered
from acci.store.postgres.database import Connection, connect
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.rebuilding.rollback import NothingKept, OtherRules, roll_back
from acci.store.registry import Catalogue
from tests.support.histories import append_orders, append_users, cut_log, value
from tests.support.read_models import (
    changed_users,
    cut,
    live,
    live_with_orders,
    live_with_users,
    wait_until_blocked,
    wrong_rows,
)


def kept(connection: Connection, projection: type[Projection]) -> list[int]:
    return [each.generation for each in generations.kept(connection, projection.name)]


def test_an_old_generation_is_live_again_with_every_event_since(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    append_orders(connection, 20, "a-")
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 20, "b-")
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 20, "c-")

    back = roll_back(connection, catalogue, sales)

    assert (back.generation, back.state, kept(connection, sales)) == (1, "live", [2])
    assert wrong_rows(connection, sales) == 0
    append_orders(connection, 20, "d-")
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0
    assert roll_back(connection, catalogue, sales).generation == 2
    assert kept(connection, sales) == [1]
    assert wrong_rows(connection, sales) == 0


def test_one_of_several_is_named(connection: Connection, catalogue: Catalogue, sales: type[Projection]) -> None:
    with pytest.raises(NothingKept, match="no old generation"):
        roll_back(connection, catalogue, sales)
    for _ in range(3):
        build.rebuild(connection, catalogue, sales)
    with pytest.raises(UnknownNumber, match="no kept generation 9"):
        roll_back(connection, catalogue, sales, 9)
    assert roll_back(connection, catalogue, sales, 1).generation == 1
    assert kept(connection, sales) == [3, 2]


def test_other_rules_are_not_mixed(connection: Connection, catalogue: Catalogue) -> None:
    """The rules changed and the new rows are wrong: back as it was at once, and on from there with the old rules."""
    users = catalogue.projection("user_view")
    live_with_users(connection, catalogue, users, 30)
    wrong = changed_users()
    with_wrong = Catalogue((replace(CONTEXT, projections=(wrong,)),))
    build.rebuild(connection, with_wrong, wrong)
    append_users(connection, 30, first=31)
    catch_up(connection, with_wrong, wrong)
    assert wrong_rows(connection, users) > 0

    with pytest.raises(OtherRules, match=r"rule created on UserCreated changed.* with `--as-it-was`"):
        roll_back(connection, with_wrong, wrong)
    assert live(connection, users).generation == 2
    before = generations.one(connection, 1).checkpoint
    assert roll_back(connection, with_wrong, wrong, as_it_was=True).checkpoint == before
    with pytest.raises(RebuildNeeded):
        catch_up(connection, with_wrong, wrong)

    catch_up(connection, catalogue, users)
    assert wrong_rows(connection, users) == 0


def test_a_rollback_is_refused_during_a_rebuild_and_on_an_altered_table(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    build.rebuild(connection, catalogue, sales)
    with (
        connect(database_url, "rebuild") as other,
        generations.exclusive_run(other, "daily_sales", "rebuild"),
        pytest.raises(Busy, match="rebuild of daily_sales is under way"),
    ):
        roll_back(connection, catalogue, sales)
    connection.execute("ALTER TABLE generation_1.daily_sales ADD COLUMN note text")
    with pytest.raises(TableAltered, match="note was added"):
        roll_back(connection, catalogue, sales)
    assert live(connection, sales).generation == 2


def test_a_generation_of_another_log_is_not_put_back(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    live_with_orders(connection, catalogue, sales, 20)
    cut_log(connection, 10)
    build.rebuild(connection, catalogue, sales)
    for as_it_was in (False, True):
        with pytest.raises(CheckpointBeyondLog):
            roll_back(connection, catalogue, sales, as_it_was=as_it_was)
    assert live(connection, sales).generation == 2
    assert wrong_rows(connection, sales) == 0


def test_a_rollback_cut_off_before_the_swap_can_be_repeated(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 20, "a-")
    build.rebuild(connection, catalogue, sales)
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 20, "b-")
    with psycopg.connect(database_url) as reader, connect(database_url, "rollback") as mine:
        reader.execute("SELECT * FROM read.daily_sales")
        with ThreadPoolExecutor() as threads:
            back = threads.submit(roll_back, mine, catalogue, sales)
            wait_until_blocked(connection, mine.info.backend_pid)
            cut(connection, mine.info.backend_pid)
            with pytest.raises(psycopg.OperationalError):
                back.result(60)
    assert (live(connection, sales).generation, kept(connection, sales)) == (2, [1])

    assert roll_back(connection, catalogue, sales).generation == 1
    assert wrong_rows(connection, sales) == 0


# -- under load -----------------------------------------------------------------------------------------------------

CREATE = "CREATE VIEW public.sold AS SELECT sum(orders) AS orders FROM read.daily_sales"
READS = ("SELECT coalesce(sum(orders), 0) FROM read.daily_sales", "SELECT coalesce(orders, 0) FROM public.sold")


def test_twenty_swaps_and_a_rollback_under_load(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    """Readers see every order that was there before, at any time, by prepared statements and through a view too."""
    append_orders(connection, 200, "first-")
    build.rebuild(connection, catalogue, sales)
    connection.execute(CREATE)
    done = threading.Event()

    def under_load(work: Callable[[Connection], int]) -> int:
        """How often `work` was done until the swaps were; any error is raised."""
        rounds = 0
        with connect(database_url, "load") as mine:
            while not done.is_set():
                rounds += work(mine)
        return rounds

    def reader(query: str) -> Callable[[Connection], int]:
        seen = 0

        def read(mine: Connection) -> int:
            nonlocal seen
            now = int(value(mine, query))
            assert now >= max(seen, 200), "an order that was there is gone"
            seen = now
            return 1

        return read

    def append(mine: Connection) -> int:
        append_orders(mine, 1, f"{threading.get_ident()}-{value(mine, 'SELECT gen_random_uuid()')}-")
        return 1

    def follow(mine: Connection) -> int:
        with suppress(Busy):  # a swap took it away
            catch_up(mine, catalogue, sales)
        return 1

    with ThreadPoolExecutor(max_workers=7) as threads:
        reads = [threads.submit(under_load, reader(query)) for query in READS * 2]
        appends = [threads.submit(under_load, append) for _ in range(2)]
        catching_up = threads.submit(under_load, follow)
        try:
            for _ in range(20):
                build.rebuild(connection, catalogue, sales)
                lifecycle.retain(connection, "daily_sales", 1)
            roll_back(connection, catalogue, sales)
        finally:
            done.set()
        counted = [each.result(60) for each in (*reads, *appends, catching_up)]

    assert all(counted), "everybody got through"
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0
    assert value(connection, "SELECT orders FROM public.sold") == value(connection, "SELECT count(*) FROM acci.events")
    assert live(connection, sales).generation == 20


def test_a_swap_gives_up_in_time_and_leaves_the_live_one(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    build.rebuild(connection, catalogue, sales)
    with Connection.connect(database_url) as reader:
        reader.execute("SELECT * FROM read.daily_sales")
        with ThreadPoolExecutor() as threads:
            back = threads.submit(roll_back, connection, catalogue, sales)
            with connect(database_url, "another reader") as other:
                for _ in range(20):
                    assert value(other, READS[0]) == 0, "readers do not queue behind a swap that waits"
            assert live(reader, sales).generation == 2
            reader.rollback()
            assert back.result(60).generation == 1
