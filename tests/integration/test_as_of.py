"""Read models as they were: at a position, at a moment, whole or row by row, equal to what readers saw then."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from domain.projections import Projection
from store.catalogue import Catalogue
from store.database import Connection
from store.high_water import establish
from store.projecting import dead_letters, rebuilding
from store.projecting.as_of import NotFinal, rows_as_of
from store.projecting.batches import catch_up
from store.projecting.fingerprints import RebuildNeeded
from store.projecting.generations import NotBuilt
from tests.histories import append_orders, append_users
from tests.read_models import CONTEXTS, changed_users
from tests.shell import acci

PROJECTIONS = ("user_view", "daily_sales", "order_totals", "largest_items")


def visible(connection: Connection, name: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM read.{name} ORDER BY 1, 2")  # noqa: S608
    columns = [column.name for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


def item(connection: Connection, order: str, version: int, at: datetime, quantity: str = "2") -> None:
    data = {"amount": "1.50", "quantity": quantity} if version > 1 else {"customer": "ann", "amount": "7.25"}
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (%s, gen_random_uuid(), %s, 't', 'Order', %s, %s, %s, '{}')""",
        (at, version, order, "ItemAdded" if version > 1 else "OrderPlaced", Jsonb(data)),
    )


@pytest.mark.parametrize("name", PROJECTIONS)
def test_what_readers_saw_at_each_position(connection: Connection, catalogue: Catalogue, name: str) -> None:
    projection = catalogue.projection(name)
    rebuilding.rebuild(connection, catalogue, projection)
    seen: dict[int, list[dict[str, Any]]] = {0: []}
    for turn in range(3):
        append_users(connection, 40, first=1 + 40 * turn)
        append_orders(connection, 30, prefix=f"order-{turn}-")
        for version in (2, 3):
            item(connection, "order-0-1", 3 * turn + version, datetime(2024, 5, turn + 1, tzinfo=UTC))
        position = catch_up(connection, catalogue, projection).checkpoint
        seen[position] = visible(connection, name)
    assert len(seen) == 4
    for position, rows in seen.items():
        assert list(rows_as_of(connection, catalogue, projection, position)) == rows
    assert list(rows_as_of(connection, catalogue, projection)) == visible(connection, name)


@pytest.mark.parametrize("name", ["order_totals", "largest_items"])
def test_what_had_happened_by_a_moment(connection: Connection, catalogue: Catalogue, name: str) -> None:
    projection = catalogue.projection(name)
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    item(connection, "late", 1, noon + timedelta(microseconds=1))
    item(connection, "order", 1, noon - timedelta(hours=1))
    item(connection, "order", 2, noon)
    item(connection, "order", 3, noon + timedelta(microseconds=1))
    rebuilding.rebuild(connection, catalogue, projection)
    then = list(rows_as_of(connection, catalogue, projection, moment=noon))
    assert [row["id"] for row in then] == ["order"]
    later = list(rows_as_of(connection, catalogue, projection, moment=noon + timedelta(microseconds=1)))
    assert later == visible(connection, name)
    assert len(later) == 2
    assert then[0] != later[1]


@pytest.mark.parametrize("name", PROJECTIONS)
def test_chosen_rows(connection: Connection, catalogue: Catalogue, name: str) -> None:
    projection = catalogue.projection(name)
    append_users(connection, 50)
    append_orders(connection, 50)
    rebuilding.rebuild(connection, catalogue, projection)
    rows = visible(connection, name)
    chosen = [rows[0], rows[-1]]
    keys = [[row[part] for part in projection.key] for row in chosen]
    assert list(rows_as_of(connection, catalogue, projection, keys=keys)) == chosen
    nobody = [["nobody", date(1999, 1, 1) if "day" in projection.key else "nobody"]]
    assert list(rows_as_of(connection, catalogue, projection, keys=nobody)) == []


def test_parked_keys_and_discarded_events(connection: Connection, catalogue: Catalogue) -> None:
    projection = catalogue.projection("order_totals")
    now = datetime(2024, 5, 1, tzinfo=UTC)
    for order, quantity in (("good", "2"), ("bad", "many")):
        item(connection, order, 1, now)
        item(connection, order, 2, now, quantity)
    rebuilding.rebuild(connection, catalogue, projection)
    assert [row["id"] for row in rows_as_of(connection, catalogue, projection)] == ["good"]
    letter = dead_letters.letters(connection, "order_totals")[0]
    dead_letters.discard(connection, catalogue, letter.dead_letter, "a typing error")
    rows = {row["id"]: row["items"] for row in rows_as_of(connection, catalogue, projection)}
    assert rows == {"good": 2, "bad": 0}


def test_a_position_that_is_not_final(connection: Connection, catalogue: Catalogue) -> None:
    projection = catalogue.projection("user_view")
    append_users(connection, 5)
    rebuilding.rebuild(connection, catalogue, projection)
    mark = establish(connection).position
    with pytest.raises(NotFinal, match=f"Position {mark + 1} is not final yet; ask for one up to {mark}"):
        rows_as_of(connection, catalogue, projection, mark + 1)


def test_before_the_first_build_and_after_a_change_of_rules(connection: Connection, catalogue: Catalogue) -> None:
    projection: type[Projection] = catalogue.projection("user_view")
    with pytest.raises(NotBuilt):
        rows_as_of(connection, catalogue, projection)
    rebuilding.rebuild(connection, catalogue, projection)
    with pytest.raises(RebuildNeeded):
        rows_as_of(connection, catalogue, changed_users())


def test_as_of_in_the_shell(connection: Connection, catalogue: Catalogue, database_url: str) -> None:
    database = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": ",".join(CONTEXTS)}
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    for version in (1, 2, 3):
        item(connection, "order", version, noon + timedelta(hours=version))
    rebuilding.rebuild(connection, catalogue, catalogue.projection("order_totals"))
    at = ["as-of", "order_totals", "--key", "t", "--key", "order", "--json"]
    assert json.loads(acci(*at, "--position", "2", **database).stdout)[0]["items"] == 2
    assert json.loads(acci(*at, "--moment", "2024-05-01T15:00:00+02:00", **database).stdout)[0]["items"] == 0
    assert "order" in acci("as-of", "order_totals", **database).stdout
    assert "There was no such row" in acci("as-of", "order_totals", "--position", "0", **database).stderr
    for wrong, said in (
        (["--key", "t"], "the key is (tenant_id, id): give 2 times --key."),
        (["--moment", "noon"], "'noon' is no moment"),
        (["--moment", "2024-05-01T12:00:00"], "'2024-05-01T12:00:00' is no moment with a time zone"),
        (["--position", "99"], "Position 99 is not final yet; ask for one up to 3"),
    ):
        assert said in " ".join(acci("as-of", "order_totals", *wrong, **database).stderr.split())
