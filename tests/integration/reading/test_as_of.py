"""Read models as they were: at a position, as of a timestamp, whole or row by row, equal to what readers saw then."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from acci.domain.contexts import Context
from acci.domain.events import Event
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.python_folds import Row
from acci.domain.projections.reference import apply
from acci.store.generations.fingerprints import RebuildNeeded
from acci.store.generations.generations import NotBuilt
from acci.store.log.event_store import EventStore
from acci.store.log.high_water import establish
from acci.store.postgres.database import Connection, Database
from acci.store.projecting import dead_letters
from acci.store.projecting.batches import catch_up
from acci.store.projecting.canonical_keys import WrongKey
from acci.store.reading.as_of import NotApplicable, NotFinal, rows_as_of
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from acci.store.values.timestamps import WrongTimestamp
from tests.domains.orders import CONTEXT, ItemAdded, OrderPlaced
from tests.support.histories import append_orders, append_users
from tests.support.read_models import CONTEXTS, changed_users, live, live_with_orders, live_with_users
from tests.support.shell import acci, refusal

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
PROJECTIONS = ("user_view", "daily_sales", "order_totals", "largest_items")


class ItemCounts(FoldProjection):
    """How many items an order has, whose keys the payload has a say in; an item of no order cannot be applied."""

    key: ClassVar[tuple[str, ...]] = ("tenant_id", "id")
    handles = (OrderPlaced, ItemAdded)

    def keys(self, event: Event[Any]) -> list[tuple[Any, ...]]:
        return [(event.metadata.tenant_id, event.aggregate_id)]

    def evolve(self, row: Row | None, event: Event[Any]) -> Row | None:
        if isinstance(event.data, OrderPlaced):
            return {"items": 0}
        if row is None:
            raise ValueError("there is no such order")
        return row | {"items": row["items"] + 1}


class ItemsInAll(ItemCounts):
    """Over the streams of a tenant."""

    key = ("tenant_id",)

    def keys(self, event: Event[Any]) -> list[tuple[Any, ...]]:
        return [(event.metadata.tenant_id,)]


def visible(connection: Connection, name: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM read.{name} ORDER BY 1, 2")  # noqa: S608
    columns = [column.name for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


def item(
    connection: Connection,
    order: str,
    version: int,
    at: datetime,
    quantity: str = "2",
    amount: str = "1.50",
    tenant: str = "t",
    schema_version: int = 1,
) -> None:
    data = {"amount": amount, "quantity": quantity} if version > 1 else {"customer": "ann", "amount": "7.25"}
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                                    event_type, data, metadata)
           VALUES (%s, gen_random_uuid(), %s, %s, %s, 'Order', %s, %s, %s, '{}')""",
        (at, version, schema_version, tenant, order, "ItemAdded" if version > 1 else "OrderPlaced", Jsonb(data)),
    )


@pytest.mark.parametrize("name", PROJECTIONS)
def test_what_readers_saw_at_each_position(connection: Connection, catalogue: Catalogue, name: str) -> None:
    projection = catalogue.projection(name)
    build.rebuild(connection, catalogue, projection)
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
def test_rows_as_of_a_timestamp(connection: Connection, catalogue: Catalogue, name: str) -> None:
    projection = catalogue.projection(name)
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    item(connection, "late", 1, noon + timedelta(microseconds=1))
    item(connection, "order", 1, noon - timedelta(hours=1))
    item(connection, "order", 2, noon)
    item(connection, "order", 3, noon + timedelta(microseconds=1))
    build.rebuild(connection, catalogue, projection)
    then = list(rows_as_of(connection, catalogue, projection, as_of=noon))
    assert [row["id"] for row in then] == ["order"]
    later = list(rows_as_of(connection, catalogue, projection, as_of=noon + timedelta(microseconds=1)))
    assert later == visible(connection, name)
    assert len(later) == 2
    assert then[0] != later[1]


@pytest.mark.parametrize("name", PROJECTIONS)
def test_the_first_rows_are_those_of_all(connection: Connection, catalogue: Catalogue, name: str) -> None:
    projection = catalogue.projection(name)
    append_users(connection, 40)
    append_orders(connection, 30)
    for tenant in ("a", "z"):
        for order in ("x", "y", "ä", "X", "user-1"):
            item(connection, order, 1, NOON, tenant=tenant)
    build.rebuild(connection, catalogue, projection)
    half = establish(connection).position // 2
    for asked in ({}, {"position": half}, {"as_of": NOON}):
        every = list(rows_as_of(connection, catalogue, projection, **asked))
        for limit in (1, 3, 37, 10_000):
            assert list(rows_as_of(connection, catalogue, projection, limit=limit, **asked)) == every[:limit]


def test_the_first_rows_are_derived_without_the_others(connection: Connection, catalogue: Catalogue) -> None:
    projection = catalogue.projection("order_totals")
    for order in ("a", "b", "c"):
        item(connection, order, 1, NOON)
    build.rebuild(connection, catalogue, projection)
    item(connection, "z", 1, NOON, tenant="u", schema_version=99)  # which cannot be read
    with pytest.raises(NotApplicable):
        list(rows_as_of(connection, catalogue, projection))
    assert [row["id"] for row in rows_as_of(connection, catalogue, projection, limit=2)] == ["a", "b"]


@pytest.mark.parametrize("name", PROJECTIONS)
def test_chosen_rows(connection: Connection, catalogue: Catalogue, name: str) -> None:
    projection = catalogue.projection(name)
    append_users(connection, 50)
    live_with_orders(connection, catalogue, projection, 50)
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
    build.rebuild(connection, catalogue, projection)
    assert [row["id"] for row in rows_as_of(connection, catalogue, projection)] == ["good"]
    letter = dead_letters.letters(connection, "order_totals")[0]
    dead_letters.discard(connection, catalogue, letter.dead_letter, "a typing error")
    rows = {row["id"]: row["items"] for row in rows_as_of(connection, catalogue, projection)}
    assert rows == {"good": 2, "bad": 0}


@pytest.mark.parametrize("name", ["order_totals", "largest_items"])
@pytest.mark.parametrize("wrong", [{"schema_version": 2}, {"amount": "much"}])
def test_an_inapplicable_event_stops_no_other_row(
    connection: Connection, catalogue: Catalogue, name: str, wrong: dict[str, Any]
) -> None:
    """Both before it is a dead letter, when only the whole read model is refused, and afterwards."""
    projection = catalogue.projection(name)
    for order in ("good", "bad"):
        item(connection, order, 1, NOON)
    build.rebuild(connection, catalogue, projection)
    before = list(rows_as_of(connection, catalogue, projection))
    item(connection, "bad", 2, NOON, **wrong)
    item(connection, "bad", 3, NOON, **wrong)
    with pytest.raises(NotApplicable, match=f"the event at position 3 .* `acci run catch-up {name}`") as refused:
        list(rows_as_of(connection, catalogue, projection))
    assert refused.value.args[:2] == (name, 3)
    assert not refused.value.applied
    assert list(rows_as_of(connection, catalogue, projection, position=2)) == before
    good = [row for row in before if row["id"] == "good"]
    assert list(rows_as_of(connection, catalogue, projection, keys=[("t", "good")])) == good
    with pytest.raises(NotApplicable):
        list(rows_as_of(connection, catalogue, projection, keys=[("t", "bad")]))
    catch_up(connection, catalogue, projection)
    assert [letter.position for letter in dead_letters.letters(connection, name)] == [3]
    for position in (None, 2, 3):
        assert list(rows_as_of(connection, catalogue, projection, position)) == good
    assert list(rows_as_of(connection, catalogue, projection, keys=[("t", "good")])) == good
    assert list(rows_as_of(connection, catalogue, projection, keys=[("t", "bad")])) == []


def test_a_sum_that_is_too_large(connection: Connection, catalogue: Catalogue) -> None:
    """No event by itself is wrong: the one is named with which it became too large."""
    projection = catalogue.projection("order_totals")
    item(connection, "order", 1, NOON)
    build.rebuild(connection, catalogue, projection)
    for version, quantity in ((2, 2**63 - 3), (3, 1), (4, 5), (5, 1)):
        item(connection, "order", version, NOON, str(quantity))
    with pytest.raises(NotApplicable) as refused:
        list(rows_as_of(connection, catalogue, projection))
    assert refused.value.position == 4
    (row,) = rows_as_of(connection, catalogue, projection, position=3)
    assert row["items"] == 2**63 - 2


@pytest.fixture
def counting(connection: Connection, tmp_path: Path) -> Catalogue:
    """With `ItemCounts`, built from an order that was dated after its first item."""
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "item_counts.sql").write_text(
        "CREATE TABLE item_counts (tenant_id text, id text, items integer NOT NULL, PRIMARY KEY (tenant_id, id))"
    )
    catalogue = Catalogue((CONTEXT, Context(name="more", sql=tmp_path, events=(), projections=(ItemCounts,))))
    item(connection, "order", 1, NOON + timedelta(days=1))
    item(connection, "order", 2, NOON)
    build.rebuild(connection, catalogue, ItemCounts)
    return catalogue


def test_an_event_dated_before_its_cause_is_left_out(connection: Connection, counting: Catalogue) -> None:
    """Its sender's clock was behind by a day."""
    assert list(rows_as_of(connection, counting, ItemCounts, as_of=NOON)) == []
    assert len(list(rows_as_of(connection, counting, ItemCounts, as_of=NOON + timedelta(days=1)))) == 1


def test_a_row_that_needs_a_later_event_of_another_stream_is_refused(
    connection: Connection, catalogue: Catalogue, tmp_path: Path
) -> None:
    """The event could be applied in its place, so that catching up would be of no use."""
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "items_in_all.sql").write_text(
        "CREATE TABLE items_in_all (tenant_id text, items integer NOT NULL, PRIMARY KEY (tenant_id))"
    )
    counting = Catalogue((CONTEXT, Context(name="more", sql=tmp_path, events=(), projections=(ItemsInAll,))))
    item(connection, "order", 1, NOON + timedelta(days=1))
    item(connection, "other", 2, NOON)
    build.rebuild(connection, counting, ItemsInAll)
    with pytest.raises(
        NotApplicable, match=r"position 2 cannot be applied: ValueError: there is no .* another point in time"
    ):
        list(rows_as_of(connection, counting, ItemsInAll, as_of=NOON))


def test_an_event_that_may_be_of_any_row(connection: Connection, counting: Catalogue) -> None:
    """Only its payload says which row, so it blocks all rows until it is a dead letter."""
    before = list(rows_as_of(connection, counting, ItemCounts))
    item(connection, "other", 2, NOON, schema_version=2)
    for keys in (None, [("t", "order")]):
        with pytest.raises(NotApplicable, match="position 3"):
            list(rows_as_of(connection, counting, ItemCounts, keys=keys))
    catch_up(connection, counting, ItemCounts)
    for keys in (None, [("t", "order")]):
        assert list(rows_as_of(connection, counting, ItemCounts, keys=keys)) == before


@pytest.mark.parametrize("name", ["order_totals", "largest_items"])
def test_timestamps_at_the_ends_of_the_calendar_and_without_a_zone(
    connection: Connection, catalogue: Catalogue, name: str
) -> None:
    projection = catalogue.projection(name)
    item(connection, "order", 1, NOON)
    build.rebuild(connection, catalogue, projection)
    east, west = (timezone(timedelta(hours=hours)) for hours in (14, -11))
    for last in (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=east)):
        assert len(list(rows_as_of(connection, catalogue, projection, as_of=last))) == 1
    assert list(rows_as_of(connection, catalogue, projection, as_of=datetime.min.replace(tzinfo=UTC))) == []
    for wrong in (datetime(2024, 5, 1), datetime.max.replace(tzinfo=west)):  # noqa: DTZ001
        with pytest.raises(WrongTimestamp):
            rows_as_of(connection, catalogue, projection, as_of=wrong)


def test_keys_are_found_in_every_spelling(connection: Connection, catalogue: Catalogue) -> None:
    projection = catalogue.projection("daily_sales")
    item(connection, "order", 1, NOON)
    build.rebuild(connection, catalogue, projection)
    for key in (("t", "2024-5-1"), ("t", date(2024, 5, 1))):
        assert len(list(rows_as_of(connection, catalogue, projection, keys=[key]))) == 1
    for wrong in (("t", "some day"), ("t",), ("t", "2024-05-01", "x"), ("t", "2024-05-01\0")):
        with pytest.raises(WrongKey):
            rows_as_of(connection, catalogue, projection, keys=[wrong])


ORDERED = st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 400), st.integers(0, 3))


@pytest.mark.parametrize("name", ["order_totals", "daily_sales", "largest_items"])
def test_rows_as_of_agree_with_the_reference_engine(
    connection: Connection, database_url: str, catalogue: Catalogue, name: str
) -> None:
    """At any position and timestamp, of events in any order of time. Each case is a tenant of its own in one log."""
    projection, tenants = catalogue.projection(name), count(1)
    build.rebuild(connection, catalogue, projection)
    columns = live(connection, projection).read_model(connection).columns

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.lists(ORDERED, min_size=1, max_size=12), st.integers(0, 12), st.none() | st.integers(0, 5))
    def agree(happened: list[tuple[str, int, int, int]], back: int, until: int | None) -> None:
        tenant, versions = f"t{next(tenants)}", dict.fromkeys("ab", 0)
        for order, day, cents, quantity in happened:
            versions[order] += 1
            at, amount = NOON + timedelta(days=day), f"{cents / 100:.2f}"
            item(connection, order, versions[order], at, str(quantity), amount, tenant)
        events = list(store.read_all(tenant_id=tenant))
        position = max(events[-1].position - back, 0)
        as_of = None if until is None else NOON + timedelta(days=until)
        later = {e.stream: e for e in reversed(events) if as_of is not None and e.timestamp > as_of}
        cut = {stream: first.version for stream, first in later.items()}
        then = [e for e in events if e.position <= position and e.version < cut.get(e.stream, len(events) + 1)]
        expected = apply(projection, columns, {}, then)
        rows = list(rows_as_of(connection, catalogue, projection, position, as_of))
        found = {tuple(row[part] for part in projection.key): row for row in rows if row["tenant_id"] == tenant}
        assert found == expected
        for key, row in found.items():
            assert list(rows_as_of(connection, catalogue, projection, position, as_of, [key])) == [row]

    with Database(database_url, size=1) as database:
        store = EventStore(database, catalogue)
        agree()


def test_a_position_that_is_not_final(connection: Connection, catalogue: Catalogue) -> None:
    projection = catalogue.projection("user_view")
    live_with_users(connection, catalogue, projection, 5)
    mark = establish(connection).position
    with pytest.raises(NotFinal, match=f"Position {mark + 1} is not final yet; ask for one up to {mark}"):
        rows_as_of(connection, catalogue, projection, mark + 1)


def test_before_the_first_build_and_after_a_change_of_rules(connection: Connection, catalogue: Catalogue) -> None:
    projection: type[Projection] = catalogue.projection("user_view")
    with pytest.raises(NotBuilt):
        rows_as_of(connection, catalogue, projection)
    build.rebuild(connection, catalogue, projection)
    with pytest.raises(RebuildNeeded):
        rows_as_of(connection, catalogue, changed_users())


def test_as_of_in_the_shell(connection: Connection, catalogue: Catalogue, database_url: str) -> None:
    database = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": ",".join(CONTEXTS)}
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    for version in (1, 2, 3):
        item(connection, "order", version, noon + timedelta(hours=version))
    build.rebuild(connection, catalogue, catalogue.projection("order_totals"))
    at = ["as-of", "order_totals", "--key", "t", "--key", "order", "--json"]
    assert json.loads(acci(*at, "--position", "2", **database).stdout)[0]["items"] == 2
    assert json.loads(acci(*at, "--as-of", "2024-05-01T15:00:00+02:00", **database).stdout)[0]["items"] == 0
    assert "order" in acci("as-of", "order_totals", **database).stdout
    assert "There was no such row" in acci("as-of", "order_totals", "--position", "0", **database).stderr
    for end in ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+14:00"):
        assert json.loads(acci(*at, "--as-of", end, **database).stdout)[0]["items"] == 4
    for begin in ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00-11:00"):
        assert json.loads(acci(*at, "--as-of", begin, **database).stdout) == []
    for wrong, said in (
        (["--as-of", "9999-12-31T23:59:59.999999-11:00"], "is no moment with a time zone in the years 1 to 9999"),
        (["--as-of", "0001-01-01T00:00:00+14:00"], "is no moment with a time zone in the years 1 to 9999"),
        (["--key", "t"], "the key is (tenant_id, id): give 2 times --key."),
        (["--as-of", "noon"], "'noon' is no moment"),
        (["--as-of", "2024-05-01T12:00:00"], "'2024-05-01T12:00:00' is no moment with a time zone"),
        (["--position", "99"], "Position 99 is not final yet; ask for one up to 3"),
    ):
        assert said in " ".join(acci("as-of", "order_totals", *wrong, **database).stderr.split())
    item(connection, "order", 4, noon, "many")
    assert "the event at position 4 cannot be applied" in refusal(acci("as-of", "order_totals", **database))
