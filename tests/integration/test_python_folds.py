"""A fold in Python is projected like rules are: in batches, in partitions, with dead letters, exactly once."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from domain.projections import Projection
from store.catalogue import Catalogue, load
from store.database import Connection
from store.projecting import batches, dead_letters, rebuilding, swapping


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.orders"])


@pytest.fixture
def largest(catalogue: Catalogue) -> type[Projection]:
    return catalogue.projection("largest_items")


def history(connection: Connection, orders: int, items: int) -> None:
    """Orders with items whose amounts rise and fall, in one shuffled log."""
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           SELECT now(), gen_random_uuid(), item + 1, 't', 'Order', 'order-' || o,
                  CASE item WHEN 0 THEN 'OrderPlaced' ELSE 'ItemAdded' END,
                  jsonb_build_object('customer', 'ann', 'amount', ((o * 7 + item * 13) %% 101)::text, 'quantity', '1'),
                  '{}'
           FROM generate_series(0, %s) AS item, generate_series(1, %s) AS o""",
        (items, orders),
    )


def expected(orders: int, items: int) -> dict[str, list[str]]:
    amounts = {o: [(o * 7 + item * 13) % 101 for item in range(1, items + 1)] for o in range(1, orders + 1)}
    return {f"order-{o}": [str(n) for n in sorted(values, reverse=True)[:3]] for o, values in amounts.items()}


def rows(connection: Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT id, largest FROM read.largest_items").fetchall())


@pytest.mark.parametrize("batch_size", [100, 7_000, 100_000])
def test_every_split_into_batches_gives_the_same_rows(
    connection: Connection, catalogue: Catalogue, largest: type[Projection], batch_size: int
) -> None:
    rebuilding.rebuild(connection, catalogue, largest)
    history(connection, orders=50, items=12)
    batches.catch_up(connection, catalogue, largest, batch_size)
    assert rows(connection) == expected(50, 12)


def test_partitions_build_what_one_pass_does(
    connection: Connection, catalogue: Catalogue, largest: type[Projection]
) -> None:
    history(connection, orders=40, items=9)
    generation, parts = rebuilding.begin(connection, catalogue, largest, 3)
    for part in parts:
        rebuilding.fill(connection, largest, generation, part)
    swapping.publish(connection, largest, rebuilding.finish(connection, generation))
    assert rows(connection) == expected(40, 9)


def test_an_event_that_the_code_refuses_is_a_dead_letter_with_its_reason(
    connection: Connection, catalogue: Catalogue, largest: type[Projection]
) -> None:
    history(connection, orders=30, items=3)
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (now(), gen_random_uuid(), 5, 't', 'Order', 'order-7', 'ItemAdded', %s, '{}'),
                  (now(), gen_random_uuid(), 6, 't', 'Order', 'order-7', 'ItemAdded', %s, '{}'),
                  (now(), gen_random_uuid(), 5, 't', 'Order', 'order-8', 'ItemAdded', %s, '{}')""",
        (Jsonb({"amount": "-1"}), Jsonb({"amount": "500"}), Jsonb({"amount": "no number"})),
    )
    rebuilding.rebuild(connection, catalogue, largest)

    assert rows(connection) == expected(30, 3)
    found = {letter.keys[0][1]: letter.error for letter in dead_letters.letters(connection)}
    assert found["order-7"] == "ValueError: an item costs something"
    assert "amount" in found["order-8"]

    first = dead_letters.letters(connection)[0]
    dead_letters.discard(connection, catalogue, first.dead_letter, "a test")
    assert rows(connection)["order-7"][0] == "500"
