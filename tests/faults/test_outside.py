"""Faults of the environment: full disks, clocks, forgotten sessions, deadlocks, restores, upgrades, killed servers."""

import threading
import time
from contextlib import suppress
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import WHOLE
from acci.store.commands.handler import CommandHandler
from acci.store.generations import lifecycle
from acci.store.generations.generations import Busy, CheckpointBeyondLog, Generation
from acci.store.log import high_water
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.refusals import is_transient
from acci.store.postgres.tenants import enter
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build, new_generation, publish
from acci.store.registry import Catalogue, load
from tests.domains.ledger import CONTEXT, Open, command
from tests.support.histories import append_orders, append_users, cut_log, value
from tests.support.prefect_server import wait_for
from tests.support.read_models import CONTEXTS, live, wait_until_blocked, wrong_rows

CATALOGUE = load(CONTEXTS)
LEDGER = Catalogue((CONTEXT,))
SALES, USERS = CATALOGUE.projection("daily_sales"), CATALOGUE.projection("user_view")


@pytest.fixture
def sales(connection: Connection) -> Connection:
    """Sales are live and behind."""
    append_orders(connection, 30, "built-")
    build.rebuild(connection, CATALOGUE, SALES)
    append_orders(connection, 30, "more-")
    return connection


def findings(connection: Connection, *names: str) -> list[str]:
    """What an audit finds wrong with those read models."""
    named = [(check, name) for check, name in chosen(CATALOGUE, [], None) if name in names]
    made = [audit(connection, CATALOGUE, check, name, WHOLE) for check, name in named]
    return [f"{each.check} {each.projection}: {found.problem}" for each in made for found in each.found]


# -- a full disk: PostgreSQL refuses to write, anywhere -------------------------------------------------------------

FULL = """
CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


def fill_disk(connection: Connection, table: str, event: LiteralString = "INSERT OR UPDATE OR DELETE") -> None:
    connection.execute(FULL)
    trigger = sql.SQL("CREATE TRIGGER full_disk BEFORE {} ON {} FOR EACH STATEMENT EXECUTE FUNCTION public.full()")
    connection.execute(trigger.format(sql.SQL(event), sql.Identifier(*table.split("."))))


def make_room(connection: Connection, table: str) -> None:
    connection.execute(sql.SQL("DROP TRIGGER full_disk ON {}").format(sql.Identifier(*table.split("."))))


def test_the_disk_is_full_when_appending(connection: Connection, database_url: str) -> None:
    sent = command(Open(account="a", holder="Ann"))
    with Database(database_url, 1, "append") as database:
        handler = CommandHandler(EventStore(database, LEDGER), LEDGER)
        fill_disk(connection, "acci.commands", "INSERT")  # the event is stored by then, its command not
        with pytest.raises(psycopg.errors.DiskFull):
            handler.handle(sent)
        assert value(connection, "SELECT count(*) FROM acci.events") == 0
        make_room(connection, "acci.commands")
        assert [event.version for event in handler.handle(sent)] == [1]


@pytest.mark.parametrize("table", ["acci.batch_durations", "acci.generations"])
def test_the_disk_is_full_when_catching_up(sales: Connection, table: str) -> None:
    """Not the events' fault: none becomes a dead letter; nothing is tried again by itself."""
    before = live(sales, SALES).checkpoint
    fill_disk(sales, table)
    with pytest.raises(psycopg.errors.DiskFull) as full:
        catch_up(sales, CATALOGUE, SALES)
    assert not is_transient(full.value)
    assert live(sales, SALES).checkpoint == before
    make_room(sales, table)
    catch_up(sales, CATALOGUE, SALES)
    assert wrong_rows(sales, SALES) == 0
    assert value(sales, "SELECT count(*) FROM acci.dead_letters") == 0


def test_the_disk_is_full_when_rebuilding(sales: Connection) -> None:
    seen = live(sales, SALES).generation
    generation, parts = new_generation.begin(sales, CATALOGUE, SALES, 1)
    fill_disk(sales, f"{generation.schema}.daily_sales")
    with pytest.raises(psycopg.errors.DiskFull):
        new_generation.fill(sales, SALES, generation, parts[0])
    assert live(sales, SALES).generation == seen
    make_room(sales, f"{generation.schema}.daily_sales")
    build.rebuild(sales, CATALOGUE, SALES)
    assert live(sales, SALES).generation == generation.generation
    assert wrong_rows(sales, SALES) == 0


# -- clocks ---------------------------------------------------------------------------------------------------------


def test_clocks_set_back_do_not_change_the_order_of_events(sales: Connection) -> None:
    """The client's and the server's: positions order events, not time."""
    sales.execute(
        """INSERT INTO acci.events ("timestamp", recorded_at, id, version, tenant_id, aggregate_type, aggregate_id,
                                    event_type, data, metadata)
           SELECT "timestamp" - make_interval(days => n), now() - make_interval(days => n), gen_random_uuid(), 1,
                  tenant_id, aggregate_type, 'back-' || n, event_type, data, metadata
           FROM acci.events, generate_series(1, 40) AS n WHERE position = 1"""
    )
    catch_up(sales, CATALOGUE, SALES)
    assert wrong_rows(sales, SALES) == 0
    assert findings(sales, "daily_sales") == []


def test_stored_times_in_the_future_do_not_stop_catch_up(sales: Connection) -> None:
    sales.execute("UPDATE acci.high_water SET established_at = now() + interval '1 year'")
    sales.execute("UPDATE acci.generations SET advanced_at = now() + interval '1 year'")
    catch_up(sales, CATALOGUE, SALES)
    assert high_water.establish(sales).position == live(sales, SALES).checkpoint
    assert wrong_rows(sales, SALES) == 0


# -- more than one at work ------------------------------------------------------------------------------------------


def test_four_workers_on_one_projection_apply_each_event_once(sales: Connection, database_url: str) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        with connect(database_url, "worker", "project") as mine:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                try:
                    catch_up(mine, CATALOGUE, SALES, 3)
                except Busy:
                    continue
                except BaseException as error:  # noqa: BLE001 reported below
                    failed.append(error)
                    return

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    append_orders(sales, 60, "meanwhile-")
    for worker in workers:
        worker.join()
    catch_up(sales, CATALOGUE, SALES)
    assert failed == []
    assert wrong_rows(sales, SALES) == 0


def test_a_deadlocked_batch_can_be_retried(sales: Connection, database_url: str) -> None:
    """A session locks a row that the batch needs, then wants the checkpoint: one fails, and may try again."""
    generation = live(sales, SALES)
    row = sql.SQL("SELECT FROM {}.daily_sales WHERE tenant_id = 'tenant-0' FOR UPDATE")
    outcome: list[BaseException | None] = []

    def batch() -> None:
        with connect(database_url, "batch", "project") as mine:
            try:
                catch_up(mine, CATALOGUE, SALES)
                outcome.append(None)
            except BaseException as error:  # noqa: BLE001 reported below
                outcome.append(error)

    with connect(database_url, "other") as other:
        runner = threading.Thread(target=batch)
        with suppress(psycopg.errors.DeadlockDetected), other.transaction():
            other.execute(row.format(sql.Identifier(generation.schema)))
            runner.start()
            pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'acci batch'"
            wait_for(lambda: sales.execute(pid).fetchone(), 10, "the batch is there")
            wait_until_blocked(sales, value(sales, pid))
            other.execute("SELECT FROM acci.generations WHERE generation = %s FOR UPDATE", (generation.generation,))
        runner.join()
    assert outcome[0] is None or is_transient(outcome[0])
    catch_up(sales, CATALOGUE, SALES)
    assert wrong_rows(sales, SALES) == 0


# -- forgotten sessions ---------------------------------------------------------------------------------------------


def test_a_forgotten_append_transaction_holds_the_mark_and_is_named(sales: Connection, database_url: str) -> None:
    """Catch-up goes as far as is final, says who holds the rest, and loses nothing."""
    with connect(database_url, "forgetful") as other, other.transaction():
        append_orders(other, 1, "held-")
        append_orders(sales, 5, "behind-")
        mark = high_water.establish(sales, 0.1)
        assert [holder.who for holder in mark.holders] == ["acci (acci forgetful)"]
        assert catch_up(sales, CATALOGUE, SALES).checkpoint <= mark.position < mark.head
    catch_up(sales, CATALOGUE, SALES)
    assert live(sales, SALES).checkpoint == value(sales, "SELECT max(position) FROM acci.events")
    assert wrong_rows(sales, SALES) == 0


def test_a_forgotten_reader_does_not_block_a_swap_or_other_readers(sales: Connection, database_url: str) -> None:
    """A swap waits a bounded time, and does not make other readers wait: the old generation stays live."""
    finished = new_generation.finish(sales, SALES, _filled(sales))
    with connect(database_url, "forgetful") as other, other.transaction():
        other.execute("SELECT FROM read.daily_sales LIMIT 1")
        with pytest.raises(publish.SwapBlocked):
            publish.publish(sales, SALES, finished, timeout=0.3)
        sales.execute("SET statement_timeout = '5s'")
        assert value(sales, "SELECT count(*) FROM read.daily_sales") > 0
    assert publish.publish(sales, SALES, finished).state == "live"
    assert wrong_rows(sales, SALES) == 0


def _filled(connection: Connection) -> Generation:
    generation, parts = new_generation.begin(connection, CATALOGUE, SALES, 1)
    new_generation.fill(connection, SALES, generation, parts[0])
    return generation


def test_catch_up_is_refused_while_a_batch_is_left_open(sales: Connection, database_url: str) -> None:
    with connect(database_url, "forgetful") as other, other.transaction():
        other.execute("SELECT FROM acci.generations FOR UPDATE")
        with pytest.raises(Busy):
            catch_up(sales, CATALOGUE, SALES)
    catch_up(sales, CATALOGUE, SALES)
    assert wrong_rows(sales, SALES) == 0


# -- restores and upgrades ------------------------------------------------------------------------------------------


def test_an_older_log_is_restored_under_newer_checkpoints(sales: Connection) -> None:
    catch_up(sales, CATALOGUE, SALES)
    cut_log(sales, 40)
    with pytest.raises(CheckpointBeyondLog, match="restored from an older backup"):
        catch_up(sales, CATALOGUE, SALES)
    made = [audit(sales, CATALOGUE, check, name, WHOLE) for check, name in chosen(CATALOGUE, ["checkpoints"], None)]
    assert any(each.found for each in made)
    build.rebuild(sales, CATALOGUE, SALES)
    append_orders(sales, 10, "anew-")
    catch_up(sales, CATALOGUE, SALES)
    assert wrong_rows(sales, SALES) == 0


def test_a_login_keeps_its_rights_through_a_rebuild(connection: Connection, database_url: str) -> None:
    """Read models stay live through a rebuild, and are read with the rights that they had."""
    append_users(connection, 20)
    name = f"reader_{connection.info.dbname.rpartition('_')[2]}"
    reader_role = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(reader_role))
    try:
        with connect(database_url, "test", "project") as projecting:
            build.rebuild(projecting, CATALOGUE, USERS)
            connection.execute(sql.SQL("GRANT SELECT ON read.user_view TO {}").format(reader_role))
            build.rebuild(projecting, CATALOGUE, USERS)
            append_users(connection, 5, 21)
            catch_up(projecting, CATALOGUE, USERS)
            assert wrong_rows(projecting, USERS) == 0
            assert lifecycle.retain(projecting, "user_view", 0) == 1
        with connect(database_url, "test", "read") as reader:
            assert value(reader, "SELECT count(*) FROM read.user_view") == 0
            enter(reader, "tenant-0")
            assert value(reader, "SELECT count(*) FROM read.user_view") > 0
        granted = "SELECT has_table_privilege(%s, 'read.user_view', 'SELECT')"
        assert value(connection, granted, (name,))
    finally:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(reader_role))
        connection.execute(sql.SQL("DROP ROLE {}").format(reader_role))
