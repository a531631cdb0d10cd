"""Poison events are set aside with their keys; everything else goes on; nothing is lost when they are mended."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from acci.domain.projections import Projection
from acci.store.postgres.database import Connection
from acci.store.projecting import batches, dead_letters
from acci.store.projecting.dead_letters import letters
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.orders"])


@pytest.fixture
def totals(catalogue: Catalogue) -> type[Projection]:
    return catalogue.projection("order_totals")


def append(
    connection: Connection, order: int, version: int, event_type: str, data: dict[str, Any], schema_version: int = 1
) -> None:
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                    data, metadata, schema_version)
           VALUES (now(), gen_random_uuid(), %s, 't', 'Order', %s, %s, %s, '{}', %s)""",
        (version, f"order-{order}", event_type, Jsonb(data), schema_version),
    )


def place(connection: Connection, orders: int) -> None:
    for order in range(orders):
        append(connection, order, 1, "OrderPlaced", {"customer": "ann", "amount": "10.00"})


def limit_credit(connection: Connection, limit: int) -> None:
    row = connection.execute("SELECT max(generation) FROM acci.generations").fetchone()
    function = f"generation_{row[0] if row else 0}.credit_limit()"
    connection.execute(f"CREATE OR REPLACE FUNCTION {function} RETURNS numeric LANGUAGE sql STABLE RETURN {limit}")


def rows(connection: Connection) -> dict[str, tuple[Any, ...]]:
    found = connection.execute("SELECT id, total::text, items FROM read.order_totals").fetchall()
    return {row[0]: row[1:] for row in found}


def test_a_poison_event_parks_its_key_and_all_else_goes_on(
    connection: Connection, catalogue: Catalogue, totals: type[Projection]
) -> None:
    build.rebuild(connection, catalogue, totals)
    place(connection, 20)
    append(connection, 3, 2, "ItemAdded", {"amount": "1.00", "quantity": "two"})
    for order in range(20):
        append(connection, order, 3, "ItemAdded", {"amount": "2.50", "quantity": "1"})

    done = batches.catch_up(connection, catalogue, totals, batch_size=100)

    assert done.dead_letters == 1
    stored = rows(connection)
    assert stored["order-3"] == ("10.00", 0), "the key stays as it was before the poison event"
    assert {row for order, row in stored.items() if order != "order-3"} == {("12.50", 1)}
    (letter,) = letters(connection)
    assert (letter.position, letter.keys, letter.payload["quantity"]) == (21, [["t", "order-3"]], "two")
    assert "two" in letter.error

    append(connection, 3, 4, "ItemAdded", {"amount": "1.00", "quantity": "1"})
    append(connection, 4, 4, "ItemAdded", {"amount": "1.00", "quantity": "1"})
    assert batches.catch_up(connection, catalogue, totals).dead_letters == 0, "later events of a parked key wait"
    assert rows(connection)["order-3"] == ("10.00", 0)
    assert rows(connection)["order-4"] == ("13.50", 2)


def test_discarding_applies_what_waited_in_order_and_holds_for_rebuilds(
    connection: Connection, catalogue: Catalogue, totals: type[Projection]
) -> None:
    place(connection, 3)
    append(connection, 1, 2, "ItemAdded", {"amount": "1.00", "quantity": "two"})
    append(connection, 1, 3, "ItemAdded", {"amount": "5.00", "quantity": "4"})
    build.rebuild(connection, catalogue, totals)
    (letter,) = letters(connection)
    assert rows(connection)["order-1"] == ("10.00", 0)

    again = dead_letters.retry(connection, catalogue, totals)
    assert (again.released, again.parked) == (0, 1), "nothing was mended yet"
    assert letters(connection)[0].tries == 2

    done = dead_letters.discard(connection, catalogue, letter.dead_letter, "typed by hand")
    assert (done.released, done.parked) == (1, 0)
    assert rows(connection)["order-1"] == ("15.00", 4)
    assert letters(connection) == []

    build.rebuild(connection, catalogue, totals)
    assert rows(connection)["order-1"] == ("15.00", 4)
    assert letters(connection) == []


def test_a_retry_releases_repaired_keys(connection: Connection, catalogue: Catalogue, totals: type[Projection]) -> None:
    build.rebuild(connection, catalogue, totals)
    limit_credit(connection, 100)
    place(connection, 5)
    append(connection, 2, 2, "ItemAdded", {"amount": "95.00", "quantity": "1"})
    append(connection, 2, 3, "ItemAdded", {"amount": "1.00", "quantity": "1"})
    assert batches.catch_up(connection, catalogue, totals).dead_letters == 1
    limit_credit(connection, 1000)

    assert dead_letters.retry(connection, catalogue, totals).released == 1
    assert rows(connection)["order-2"] == ("106.00", 2)
    assert letters(connection) == []


def test_the_dead_letter_is_part_of_the_batch(
    connection: Connection, catalogue: Catalogue, totals: type[Projection], database_url: str
) -> None:
    build.rebuild(connection, catalogue, totals)
    place(connection, 2)
    append(connection, 1, 2, "ItemAdded", {"amount": "1.00", "quantity": "x"})

    class Crash(Exception):
        pass

    def crash(_: batches.Progress) -> None:
        raise Crash

    with pytest.raises(Crash):
        batches.catch_up(connection, catalogue, totals, batch_size=3, report=crash)
    with psycopg.connect(database_url) as other:
        counts = other.execute(
            "SELECT (SELECT count(*) FROM acci.dead_letters), checkpoint FROM acci.generations WHERE state = 'live'"
        ).fetchone()
    assert counts == (1, 3)


def test_one_bad_event_in_a_large_batch_is_found(
    connection: Connection, catalogue: Catalogue, totals: type[Projection]
) -> None:
    build.rebuild(connection, catalogue, totals)
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           SELECT now(), gen_random_uuid(), 1, 't', 'Order', 'order-' || n, 'OrderPlaced',
                  jsonb_build_object('customer', CASE WHEN n = 31415 THEN '' ELSE 'ann' END, 'amount', n), '{}'
           FROM generate_series(1, 50000) AS n"""
    )
    done = batches.catch_up(connection, catalogue, totals)
    assert (done.rows, done.dead_letters) == (49_999, 1)
    assert [letter.keys for letter in letters(connection)] == [[["t", "order-31415"]]]


def test_an_event_of_a_newer_schema_version_waits_for_newer_code(
    connection: Connection, catalogue: Catalogue, totals: type[Projection]
) -> None:
    build.rebuild(connection, catalogue, totals)
    place(connection, 3)
    append(connection, 1, 2, "ItemAdded", {"amount": "1.00", "quantity": "1"}, schema_version=2)
    append(connection, 2, 2, "ItemAdded", {"amount": "1.00", "quantity": "1"})

    assert batches.catch_up(connection, catalogue, totals).dead_letters == 1

    assert rows(connection) == {"order-0": ("10.00", 0), "order-1": ("10.00", 0), "order-2": ("11.00", 1)}
    (letter,) = letters(connection)
    assert letter.keys == [["t", "order-1"]]
    assert "schema version 2" in letter.error
    dead_letters.discard(connection, catalogue, letter.dead_letter, "a test")
    assert letters(connection) == []


def test_an_unreadable_event_stops_no_other_key(
    connection: Connection, catalogue: Catalogue, totals: type[Projection]
) -> None:
    """Neither a retry of another key nor a batch: later events of a parked key wait unread."""
    build.rebuild(connection, catalogue, totals)
    place(connection, 3)
    limit_credit(connection, 10)
    append(connection, 1, 2, "ItemAdded", {"amount": "1.00", "quantity": "1"})
    for version in (2, 3):
        append(connection, 2, version, "ItemAdded", {"amount": "1.00", "quantity": "1"}, schema_version=9)
    for batch_size in (4, 100):
        batches.catch_up(connection, catalogue, totals, batch_size)
    assert [letter.position for letter in letters(connection)] == [4, 5]
    append(connection, 2, 4, "ItemAdded", {"amount": "1.00", "quantity": "1"}, schema_version=9)
    assert batches.catch_up(connection, catalogue, totals).dead_letters == 0
    limit_credit(connection, 1000)
    retried = dead_letters.retry(connection, catalogue, totals)
    assert (retried.released, retried.parked) == (1, 1)
    assert rows(connection)["order-1"] == ("11.00", 1)
