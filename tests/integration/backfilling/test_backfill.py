"""Backfill: a chosen part of a live read model re-derived beside live work, resumable, each event once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from acci.domain.errors import UnknownName
from acci.domain.projections import Projection
from acci.store.auditing.audit import all_checks, audit
from acci.store.auditing.scope import AuditScope
from acci.store.backfilling import backfill as backfilling
from acci.store.backfilling.backfill import Superseded
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations
from acci.store.generations.fingerprints import RebuildNeeded
from acci.store.generations.generations import Busy, NotBuilt
from acci.store.generations.table_definition import TableAltered
from acci.store.postgres.database import Connection, connect
from acci.store.projecting.batches import Progress, catch_up
from acci.store.projecting.canonical_keys import WrongKey
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from acci.store.values.timestamps import WrongTimestamp, parse_timestamp
from tests.support.histories import append_bad_item, append_orders, append_users, value
from tests.support.read_models import backfill, live, live_with_orders, live_with_users, rows_of, wrong_rows

NOON = datetime(2026, 1, 3, 12, tzinfo=UTC)


def on_table(connection: Connection, projection: type[Projection], statement: str) -> psycopg.Cursor[Any]:
    """Execute a statement on the live table, which it calls {}."""
    table = sql.Identifier(live(connection, projection).schema, projection.name)
    return connection.execute(sql.SQL(statement).format(table))


def spoil(connection: Connection, projection: type[Projection]) -> None:
    """Make every row of a live read model wrong: doubled, and some gone."""
    changes = {"daily_sales": "orders = orders * 2, amount = amount + 1", "user_view": "name = 'nobody'"}
    on_table(connection, projection, "UPDATE {} SET " + changes[projection.name])  # noqa: S608
    on_table(connection, projection, "DELETE FROM {} WHERE abs(hashtext(ctid::text)) % 3 = 0")


@pytest.mark.parametrize("ends", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_timestamps_at_the_ends_of_the_calendar_are_accepted(
    connection: Connection, catalogue: Catalogue, users: type[Projection], ends: str
) -> None:
    """Every timestamp that the parser accepts works in a backfill's selection and in an audit's scope."""
    live_with_users(connection, catalogue, users, 5)
    first, last = (5, 0) if ends.startswith("0001") else (0, 5)
    assert backfill(connection, catalogue, users, Choice(since=parse_timestamp(ends))).keys == first
    assert backfill(connection, catalogue, users, Choice(until=parse_timestamp(ends))).keys == last
    extent = AuditScope(since=parse_timestamp(ends))
    assert audit(connection, catalogue, all_checks(catalogue)["rows"], users.name, extent).found == ()


def test_a_backfill_of_everything_equals_a_rebuild(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], users: type[Projection]
) -> None:
    append_users(connection, 60)
    append_orders(connection, 60)
    for projection in (sales, users):
        build.rebuild(connection, catalogue, projection)
        rebuilt = rows_of(connection, projection)
        spoil(connection, projection)
        assert wrong_rows(connection, projection) > 0

        done = backfill(connection, catalogue, projection, Choice())

        assert rows_of(connection, projection) == rebuilt
        assert wrong_rows(connection, projection) == 0
        assert [chunk.state for chunk in done.chunks] == ["done"] * len(done.chunks)
        assert done.keys >= len(rebuilt)
        assert len(done.chunks) > 1


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (Choice(tenants=("tenant-1",)), "tenant_id = 'tenant-1'"),
        (Choice(keys=(("tenant-1", "2026-01-01"), ("tenant-9", "2026-01-01"))),
         "(tenant_id, day) = ('tenant-1', '2026-01-01')"),
        (Choice(until=NOON), "day < '2026-01-03' OR day = '2026-01-03' AND tenant_id LIKE 'tenant-%'"),
        (Choice(since=NOON, tenants=("tenant-2",)), "tenant_id = 'tenant-2' AND day >= '2026-01-03'"),
        (Choice(after=80), "day >= '2026-01-04'"),
        (Choice(event_types=("OrderPlaced",)), "true"),
        (Choice(tenants=("tenant-1",), keys=(("tenant-1", "2026-01-02"), ("tenant-2", "2026-01-02"))),
         "(tenant_id, day) = ('tenant-1', '2026-01-02')"),
        (Choice(tenants=("tenant-1",), keys=(("tenant-1", "2 Jan 2026"),)),
         "(tenant_id, day) = ('tenant-1', '2026-01-02')"),
        (Choice(tenants=("'; DROP TABLE acci.events; --",)), "false"),
    ],
)  # fmt: skip
def test_only_the_chosen_part_is_derived(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], choice: Choice, chosen: str
) -> None:
    live_with_orders(connection, catalogue, sales, 100)
    right = {row[:2]: row for row in rows_of(connection, sales)}
    on_table(connection, sales, "UPDATE {} SET orders = orders + 1000")

    def wrong(which: str) -> int:
        counted = on_table(connection, sales, f"SELECT count(*) FROM {{}} WHERE orders > 1000 AND ({which})")  # noqa: S608
        row = counted.fetchone()
        return int(row[0]) if row else 0

    meant, others = wrong(chosen), wrong(f"NOT ({chosen})")

    keys = backfilling.preview(connection, catalogue, sales, choice)
    assert wrong("true") == meant + others, "a dry run changes nothing"
    assert value(connection, "SELECT count(*) FROM acci.backfills") == 0
    done = backfill(connection, catalogue, sales, choice)

    assert (wrong(chosen), wrong(f"NOT ({chosen})")) == (0, others)
    assert all(right[row[:2]] == row for row in rows_of(connection, sales) if row[2] < 1000)
    assert done.keys == keys


def test_an_event_that_the_projection_does_not_handle_is_refused(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    build.rebuild(connection, catalogue, sales)
    with pytest.raises(UnknownName, match="no event that daily_sales handles named 'ItemAdded'"):
        backfilling.preview(connection, catalogue, sales, Choice(event_types=("ItemAdded",)))


def test_few_keys_are_derived_without_reading_the_log(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    """Where each row depends on one stream: repairing a row must not hold up batches on a long log."""
    append_users(connection, 1000)
    connection.execute("VACUUM ANALYZE acci.events")
    build.rebuild(connection, catalogue, users)
    spoil(connection, users)
    keys = tuple((row[0], row[1]) for row in rows_of(connection, users)[:3])
    (chunk,) = backfilling.begin(connection, catalogue, users, Choice(keys=keys)).chunks

    def scans() -> int:
        connection.execute("SELECT pg_stat_force_next_flush()")
        return int(value(connection, "SELECT seq_scan FROM pg_stat_all_tables WHERE relid = 'acci.events'::regclass"))

    before = scans()
    assert backfill(connection, catalogue, users, Choice(keys=keys)).keys == chunk.size == 3
    assert scans() == before
    assert all(row[3] != "nobody" for row in rows_of(connection, users) if row[:2] in keys)


def test_rows_without_events_are_removed(connection: Connection, catalogue: Catalogue, sales: type[Projection]) -> None:
    live_with_orders(connection, catalogue, sales, 30)
    on_table(connection, sales, "INSERT INTO {} VALUES ('tenant-1', '1999-01-01'), ('tenant-2', '1999-01-01')")
    backfill(connection, catalogue, sales, Choice(tenants=("tenant-1",)))
    assert wrong_rows(connection, sales) == 1
    backfill(connection, catalogue, sales, Choice(keys=(("tenant-2", "1999-01-01"),)))
    assert wrong_rows(connection, sales) == 0


def test_an_interrupted_backfill_is_resumed(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    live_with_orders(connection, catalogue, sales, 100)
    spoil(connection, sales)

    class Crash(Exception):
        pass

    def crash(progress: Progress) -> None:
        if progress.batches == 2:
            raise Crash

    begun = backfilling.begin(connection, catalogue, sales, Choice(), 3)
    with pytest.raises(Crash):
        backfilling.run_chunks(connection, catalogue, sales, begun, report=crash)

    again = backfilling.begin(connection, catalogue, sales, Choice(), 3)
    assert again.backfill == begun.backfill
    assert [chunk.state for chunk in again.chunks].count("done") == 2
    assert len(again.missing) == len(again.chunks) - 2
    other = backfilling.begin(connection, catalogue, sales, Choice(tenants=("tenant-1",)), 3)
    assert other.backfill != begun.backfill, "another choice is another backfill"
    backfilling.run_chunks(connection, catalogue, sales, again)
    assert wrong_rows(connection, sales) == 0
    assert backfilling.begin(connection, catalogue, sales, Choice(), 3).backfill > other.backfill


def test_a_chunk_that_is_cut_off_is_rolled_back(
    connection: Connection, catalogue: Catalogue, database_url: str
) -> None:
    """Its transaction is undone as a whole; the chunk is still to be done."""
    totals = catalogue.projection("order_totals")
    live_with_orders(connection, catalogue, totals, 60)
    right = rows_of(connection, totals)
    connection.execute("DELETE FROM generation_1.order_totals WHERE tenant_id = 'tenant-1'")
    before = rows_of(connection, totals)
    begun = backfilling.begin(connection, catalogue, totals, Choice(), 1000)
    function = "CREATE OR REPLACE FUNCTION generation_1.credit_limit() RETURNS numeric LANGUAGE sql STABLE RETURN "
    connection.execute((function + "CASE WHEN pg_terminate_backend(pg_backend_pid()) THEN 0 END").encode())
    with connect(database_url, "backfill") as mine, pytest.raises(psycopg.OperationalError):
        backfilling.run_chunks(mine, catalogue, totals, begun)
    assert rows_of(connection, totals) == before

    connection.execute((function + "1000000").encode())
    assert not backfill(connection, catalogue, totals, Choice(), 1000).missing
    assert rows_of(connection, totals) == right


def test_appends_and_batches_go_on_meanwhile(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    append_orders(connection, 300, "first-")
    build.rebuild(connection, catalogue, sales)
    spoil(connection, sales)
    done = threading.Event()

    def append() -> int:
        number = 0
        with connect(database_url, "append") as mine:
            while not done.is_set():
                number += 1
                append_orders(mine, 5, f"more-{number}-")
        return number

    def follow() -> None:
        with connect(database_url, "catch-up") as mine:
            while not done.is_set():
                with suppress(Busy):
                    catch_up(mine, catalogue, sales)

    with ThreadPoolExecutor(max_workers=2) as threads:
        appending, following = threads.submit(append), threads.submit(follow)
        try:
            backfill(connection, catalogue, sales, Choice(), 4)
        finally:
            done.set()
        assert appending.result(60) > 0
        following.result(60)
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0


def test_a_backfill_keeps_the_read_model_caught_up(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    append_orders(connection, 100, "first-")
    build.rebuild(connection, catalogue, sales)

    def append(progress: Progress) -> None:
        append_orders(connection, 10, f"later-{progress.batches}-")

    begun = backfilling.begin(connection, catalogue, sales, Choice(), 3)
    backfilling.run_chunks(connection, catalogue, sales, begun, report=append)
    head = value(connection, "SELECT max(position) FROM acci.events")
    assert head - live(connection, sales).checkpoint == 10, "only what came after the last chunk is left"


def test_a_swap_ends_the_backfill(connection: Connection, catalogue: Catalogue, sales: type[Projection]) -> None:
    live_with_orders(connection, catalogue, sales, 60)
    begun = backfilling.begin(connection, catalogue, sales, Choice(), 3)

    def swap(progress: Progress) -> None:
        if progress.batches == 1:
            build.rebuild(connection, catalogue, sales)

    with pytest.raises(Superseded, match="another generation is live now"):
        backfilling.run_chunks(connection, catalogue, sales, begun, report=swap)
    assert value(connection, "SELECT state FROM acci.backfills") == "superseded"
    assert wrong_rows(connection, sales) == 0


def test_parked_keys_are_left_and_a_key_that_fails_is_named(connection: Connection, catalogue: Catalogue) -> None:
    totals = catalogue.projection("order_totals")
    live_with_orders(connection, catalogue, totals, 20)
    append_bad_item(connection)
    catch_up(connection, catalogue, totals)
    assert backfill(connection, catalogue, totals, Choice()).keys == 19, "the parked key waits for its dead letter"

    limit = "CREATE OR REPLACE FUNCTION generation_1.credit_limit() RETURNS numeric LANGUAGE sql STABLE RETURN "
    connection.execute((limit + "10").encode())
    done = backfill(connection, catalogue, totals, Choice(), 100)
    (chunk,) = done.chunks
    assert chunk.state == "failed"
    assert "order_totals_credit" in (chunk.error or "")
    assert len(rows_of(connection, totals)) == 20, "rows that cannot be derived stay as they were"

    connection.execute((limit + "1000000").encode())
    assert not backfill(connection, catalogue, totals, Choice(), 100).missing


def test_what_cannot_be_done_is_refused(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], database_url: str
) -> None:
    with pytest.raises(NotBuilt):
        backfill(connection, catalogue, sales, Choice())
    build.rebuild(connection, catalogue, sales)
    with pytest.raises(WrongKey, match="give a text for each of tenant_id, day"):
        backfill(connection, catalogue, sales, Choice(keys=(("tenant-1",),)))
    with pytest.raises(WrongKey, match="'someday'"):
        backfill(connection, catalogue, sales, Choice(keys=(("tenant-1", "someday"),)))
    with pytest.raises(WrongTimestamp, match="no moment with a time zone"):
        parse_timestamp("2026-01-01T10:00:00")
    assert parse_timestamp("2026-01-01T10:00:00Z") == datetime(2026, 1, 1, 10, tzinfo=UTC)
    begun = backfilling.begin(connection, catalogue, sales, Choice())
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE acci.generations SET fingerprint = 'other'")
        with pytest.raises(RebuildNeeded):
            backfilling.begin(connection, catalogue, sales, Choice())
    with connection.transaction(force_rollback=True):
        on_table(connection, sales, "ALTER TABLE {} ADD COLUMN note text")
        with pytest.raises(TableAltered, match="note was added"):
            backfilling.begin(connection, catalogue, sales, Choice())
    with (
        connect(database_url, "other") as other,
        generations.exclusive_run(other, "daily_sales", "backfill"),
        pytest.raises(Busy, match="Another backfill"),
    ):
        backfilling.run_chunks(connection, catalogue, sales, begun)


def test_no_more_keys_a_second_than_allowed(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    """It may take longer on a busy machine, never less."""
    live_with_orders(connection, catalogue, sales, 60)
    begun = backfilling.begin(connection, catalogue, sales, Choice(), 5)
    began = time.monotonic()
    backfilling.run_chunks(connection, catalogue, sales, begun, keys_a_second=20)
    assert time.monotonic() - began >= begun.keys / 20
