"""A follower keeps read models at the log through appends, swaps and lost connections, each event once."""

import threading
import time

import pytest

from acci.store.postgres.database import Connection
from acci.store.projecting.following import Follower, follow
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load

PLACE = """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           SELECT '2026-03-01T12:00Z', gen_random_uuid(), 1, 't', 'Order', gen_random_uuid()::text, 'OrderPlaced',
                  '{"customer": "ann", "amount": "1.00"}', '{}'
           FROM generate_series(1, %s)"""


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.orders"])


def orders(connection: Connection) -> int:
    row = connection.execute("SELECT coalesce(sum(orders), 0) FROM read.daily_sales").fetchone()
    return int(row[0]) if row else 0


def test_a_step_applies_new_events_and_reports_refusals_once(connection: Connection, catalogue: Catalogue) -> None:
    build.rebuild(connection, catalogue, catalogue.projection("daily_sales"))
    said: list[tuple[str, str]] = []
    follower = Follower(connection, catalogue, sorted(catalogue.projections), lambda *what: said.append(what))
    connection.execute(PLACE, (7,))

    assert follower.step() == 1
    assert follower.step() == 0
    assert orders(connection) == 7
    assert [name for name, _ in said] == ["largest_items", "order_totals"]
    assert "never been built" in said[0][1]


def test_following_is_exactly_once_across_swaps_and_cut_connections(
    connection: Connection, catalogue: Catalogue, database_url: str
) -> None:
    sales = catalogue.projection("daily_sales")
    build.rebuild(connection, catalogue, sales)
    done = threading.Event()
    said: list[str] = []
    thread = threading.Thread(
        target=follow,
        args=(database_url, catalogue, ["daily_sales"], 0.01, done.is_set, lambda _, what: said.append(what)),
    )
    thread.start()
    try:
        for number in range(30):
            connection.execute(PLACE, (number,))
            if number % 10 == 4:
                build.rebuild(connection, catalogue, sales)
            if number % 10 == 8:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'acci follow' AND datname = current_database()"
                )
        expected, deadline = sum(range(30)), time.monotonic() + 30
        while orders(connection) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        done.set()
        thread.join(timeout=30)
    assert orders(connection) == expected
    assert all(what.startswith("lost, trying again") for what in said)
