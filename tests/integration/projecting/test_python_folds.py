"""A fold in Python is projected like rules are: in batches, in partitions, with dead letters, exactly once."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from acci.domain.contexts import Context
from acci.domain.errors import ProjectionError
from acci.domain.events import Event
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.python_folds import Row
from acci.store.auditing.audit import all_checks, audit
from acci.store.auditing.scope import AuditScope
from acci.store.backfilling.selection import Choice
from acci.store.postgres.database import Connection
from acci.store.projecting import batches, dead_letters
from acci.store.rebuilding import build, new_generation, publish
from acci.store.registry import Catalogue, load
from tests.domains.orders import CONTEXT, ItemAdded
from tests.support.read_models import backfill

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.orders"])


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
    build.rebuild(connection, catalogue, largest)
    history(connection, orders=50, items=12)
    batches.catch_up(connection, catalogue, largest, batch_size)
    assert rows(connection) == expected(50, 12)


class ItemsBy(FoldProjection):
    """Items counted by parts of a key of every type, as code may give them: a day as text, more digits than stored."""

    key = ("tenant_id", "hour", "large", "amount", "day", "id")
    handles = (ItemAdded,)

    def keys(self, event: Event[ItemAdded]) -> list[tuple[Any, ...]]:
        amount, at = event.data.amount, event.timestamp
        number = UUID(int=int(amount)) if amount > 50 else str(UUID(int=int(amount))).upper()
        hour = at.replace(minute=30, second=0, microsecond=500_000).astimezone(ZoneInfo("Asia/Kolkata"))
        return [(event.metadata.tenant_id, hour, amount > 50, amount / 10, at.date().isoformat(), number)]

    def evolve(self, row: Row | None, _: Event[Any]) -> Row | None:
        return {"items": (row["items"] if row else 0) + 1}


def with_items_by(tmp_path: Path, amount: str) -> Catalogue:
    (tmp_path / "read_models").mkdir(exist_ok=True)
    (tmp_path / "read_models" / "items_by.sql").write_text(
        f"""CREATE TABLE items_by (
                tenant_id text, hour timestamptz, large boolean, amount {amount}, day date, id uuid,
                items integer NOT NULL, PRIMARY KEY (tenant_id, hour, large, amount, day, id)
            )"""
    )
    return Catalogue((CONTEXT, Context(name="more", sql=tmp_path, events=(), projections=(ItemsBy,))))


def test_a_row_is_found_again_by_a_key_of_any_type(connection: Connection, tmp_path: Path) -> None:
    """In the next batch, when a part is re-derived, by an audit, by the reference engine."""
    catalogue = with_items_by(tmp_path, "numeric(12,2)")
    build.rebuild(connection, catalogue, ItemsBy)
    history(connection, orders=20, items=12)
    batches.catch_up(connection, catalogue, ItemsBy, 50)
    found = connection.execute("SELECT amount * 10, items FROM read.items_by ORDER BY 1").fetchall()
    assert found == sorted(Counter((o * 7 + n * 13) % 101 for o in range(1, 21) for n in range(1, 13)).items())

    backfill(connection, catalogue, ItemsBy, Choice(tenants=("t",)))
    assert connection.execute("SELECT amount * 10, items FROM read.items_by ORDER BY 1").fetchall() == found
    for check in ("rows", "second_opinion"):
        assert audit(connection, catalogue, all_checks(catalogue)[check], "items_by").found == ()
    row = connection.execute("SELECT tenant_id, hour, large, amount, day, id FROM read.items_by LIMIT 1").fetchone()
    assert row is not None
    key = tuple(map(str, row))
    assert audit(connection, catalogue, all_checks(catalogue)["rows"], "items_by", AuditScope(keys=(key,))).found == ()


class ItemsOf(FoldProjection):
    """Items of each order, whose id is a UUID, in any spelling."""

    key = ("tenant_id", "id")
    handles = (ItemAdded,)

    def evolve(self, row: Row | None, _: Event[Any]) -> Row | None:
        return {"items": (row["items"] if row else 0) + 1}


def test_an_aggregate_is_one_row_for_every_spelling_of_its_id(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "items_of.sql").write_text(
        "CREATE TABLE items_of (tenant_id text, id uuid, items integer NOT NULL, PRIMARY KEY (tenant_id, id))"
    )
    catalogue = Catalogue((CONTEXT, Context(name="more", sql=tmp_path, events=(), projections=(ItemsOf,))))
    number = UUID(int=0xABCDEF)
    build.rebuild(connection, catalogue, ItemsOf)
    for spelled in (str(number).upper(), f"{{{number}}}", number.hex):
        connection.execute(
            """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                        data, metadata)
               SELECT now(), gen_random_uuid(), n, 't', 'Order', %s, 'ItemAdded',
                      '{"amount": "1.00", "quantity": "1"}', '{}' FROM generate_series(1, 5) AS n""",
            (spelled,),
        )
        batches.catch_up(connection, catalogue, ItemsOf, 2)
    found = [("t", number, 15)]
    assert connection.execute("SELECT * FROM read.items_of").fetchall() == found

    halves = [AuditScope(one_in=2, offset=turn) for turn in (0, 1)]
    for items, wrong in ((15, 0), (16, 1)):
        connection.execute("UPDATE read.items_of SET items = %s", (items,))
        told = [
            audit(connection, catalogue, all_checks(catalogue)["rows"], "items_of", extent).found
            for extent in (
                AuditScope(),
                AuditScope(keys=(("t", str(number).upper()),)),
                AuditScope(since=EPOCH),
                *halves,
            )
        ]
        assert [len(each) for each in told[:3]] == [wrong] * 3
        assert bool(told[3] or told[4]) == bool(wrong), "the shares are those of the log's streams"

    for choice in (Choice(tenants=("t",)), Choice(keys=(("t", str(number)),)), Choice(since=EPOCH)):
        connection.execute("UPDATE read.items_of SET items = 16")
        backfill(connection, catalogue, ItemsOf, choice)
        assert connection.execute("SELECT * FROM read.items_of").fetchall() == found


@pytest.mark.parametrize(
    "amount",
    ["numeric", "double precision", "timestamp", "jsonb", "citext", "money", "inet", "telephone", "state", "text[]"],
)
def test_a_key_that_does_not_identify_rows_is_refused(connection: Connection, tmp_path: Path, amount: str) -> None:
    connection.execute("CREATE EXTENSION citext SCHEMA public")
    connection.execute("CREATE DOMAIN public.telephone AS public.citext")
    connection.execute("CREATE TYPE public.state AS ENUM ('open', 'closed')")
    with pytest.raises(ProjectionError, match="column 'amount' is"):
        build.rebuild(connection, with_items_by(tmp_path, amount), ItemsBy)


def test_partitions_build_what_one_pass_does(
    connection: Connection, catalogue: Catalogue, largest: type[Projection]
) -> None:
    history(connection, orders=40, items=9)
    generation, parts = new_generation.begin(connection, catalogue, largest, 3)
    for part in parts:
        new_generation.fill(connection, largest, generation, part)
    publish.publish(connection, largest, new_generation.finish(connection, largest, generation))
    assert rows(connection) == expected(40, 9)


def test_an_exception_of_the_fold_makes_a_dead_letter_with_its_reason(
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
    build.rebuild(connection, catalogue, largest)

    assert rows(connection) == expected(30, 3)
    found = {letter.keys[0][1]: letter.error for letter in dead_letters.letters(connection)}
    assert found["order-7"] == "ValueError: an item costs something"
    assert "amount" in found["order-8"]

    first = dead_letters.letters(connection)[0]
    dead_letters.discard(connection, catalogue, first.dead_letter, "a test")
    assert rows(connection)["order-7"][0] == "500"
