"""`acci dead-letters` as a shell sees it."""

import json
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from acci.store.postgres.database import Connection, connect
from acci.store.projecting import batches
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.shell import acci


def append(connection: Connection, tenant: str, version: int, event_type: str, data: dict[str, Any]) -> None:
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                    data, metadata)
           VALUES (now(), gen_random_uuid(), %s, %s, 'Order', 'order', %s, %s, '{}')""",
        (version, tenant, event_type, Jsonb(data)),
    )


@pytest.fixture
def shop(database_url: str) -> dict[str, str]:
    """An order of each of two tenants, with an item that cannot be applied."""
    catalogue = load(["tests.domains.orders"])
    totals = catalogue.projection("order_totals")
    with connect(database_url, "test") as connection:
        build.rebuild(connection, catalogue, totals)
        for tenant in ("acme", "globex"):
            append(connection, tenant, 1, "OrderPlaced", {"customer": "ann", "amount": "10.00"})
            append(connection, tenant, 2, "ItemAdded", {"amount": "1.00", "quantity": "two"})
        assert batches.catch_up(connection, catalogue, totals).dead_letters == 2
    return {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.orders"}


def numbers(shop: dict[str, str]) -> list[str]:
    listed = json.loads(acci("dead-letters", "list", "--json", **shop).stdout)
    return [str(letter["dead_letter"]) for letter in listed]


def test_discarded_events_are_listed(shop: dict[str, str]) -> None:
    assert acci("dead-letters", "list", "--discarded", **shop).stdout == "No event was discarded.\n"
    first, second = numbers(shop)
    done = acci("dead-letters", "discard", first, "--reason", "typo", **shop)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Dead letter {first} is discarded." in done.stdout
    assert "order_totals: 1 keys released, 1 still parked" in done.stdout
    assert "Also 1 discarded: see `acci dead-letters list --discarded`." in acci("dead-letters", "list", **shop).stdout

    done = acci("dead-letters", "discard", second, "--reason", "also", "--json", **shop)
    assert (done.returncode, json.loads(done.stdout)["parked"]) == (0, 0)
    listed = acci("dead-letters", "list", **shop).stdout
    assert "every event was applied" not in listed
    assert "No dead letters" in listed
    assert "Also 2 discarded:" in listed
    assert json.loads(acci("dead-letters", "list", "--json", **shop).stdout) == []

    left_out = json.loads(acci("dead-letters", "list", "--discarded", "--json", **shop).stdout)
    assert [(each["projection"], each["position"], each["event_type"], each["reason"]) for each in left_out] == [
        ("order_totals", 2, "ItemAdded", "typo"),
        ("order_totals", 4, "ItemAdded", "also"),
    ]
    assert all(each["discarded_at"] for each in left_out)
    shown = acci("dead-letters", "list", "order_totals", "--discarded", **shop).stdout
    assert "typo" in shown
    assert acci("dead-letters", "list", "daily_sales", "--discarded", **shop).stdout == "No event was discarded.\n"
    of_one = json.loads(acci("dead-letters", "list", "--discarded", "--tenant", "globex", "--json", **shop).stdout)
    assert [each["reason"] for each in of_one] == ["also"]


def test_a_retry_takes_a_projection(shop: dict[str, str]) -> None:
    first, _ = numbers(shop)
    done = acci("dead-letters", "retry", first, **shop)
    assert done.returncode == 2
    assert f"Letter {first} is of order_totals: `acci dead-letters retry order_totals`." in " ".join(
        done.stderr.split()
    )
    done = acci("dead-letters", "retry", "99", **shop)
    assert done.returncode == 2
    assert "give a projection's name, not a letter's number" in " ".join(done.stderr.split())
    done = acci("dead-letters", "retry", "order_totals", **shop)
    assert (done.returncode, "2 still parked" in done.stdout) == (1, True)
