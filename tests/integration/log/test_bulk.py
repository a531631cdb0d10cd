"""Bulk append: histories with their own versions and timestamps, all or nothing, with constant memory."""

import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from acci.domain.events import Event, EventData, EventMetadata
from acci.store.log.bulk import Appended, BulkRefused, RawEvent
from acci.store.log.event_store import EventStore
from acci.store.log.payloads import PayloadTooLarge
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from acci.store.values.storable import Unstorable
from tests.domains.ledger import CONTEXT, TENANT, Opened, Owner, Paid, event, stream

LONG_AGO = datetime(2011, 3, 27, 2, 30, tzinfo=UTC)


@pytest.fixture
def store(database_url: str) -> Iterator[EventStore]:
    with Database(database_url, size=2) as database:
        yield EventStore(database, Catalogue((CONTEXT,)), payload_limit=10_000)


def paid(version: int, account: str = "a") -> Event[EventData]:
    return replace(event(Paid(amount=Decimal(version)), version, account), timestamp=LONG_AGO + timedelta(days=version))


def raw(version: int, data: str, account: str = "a", schema_version: int = 1) -> RawEvent:
    metadata = EventMetadata(TENANT, "import")
    return RawEvent(uuid4(), account, "Account", "Paid", version, data, metadata, LONG_AGO, schema_version)


def refusal(store: EventStore, events: Iterable[Event[EventData] | RawEvent]) -> str:
    before = list(store.read_all())
    with pytest.raises(BulkRefused) as refused:
        store.append_in_bulk(events)
    assert list(store.read_all()) == before
    return str(refused.value)


def test_a_history_keeps_its_versions_timestamps_and_order(store: EventStore) -> None:
    opened = replace(event(Opened(owner=Owner(given="é\t\\", family='"\n', country="NL"), currency="EUR"), 1, "b"))
    given = [paid(1), opened, paid(2), paid(2, "b"), paid(3)]
    assert store.append_in_bulk(given) == Appended(5, 0, 5)
    read = list(store.read_all())
    assert [(e.id, e.stream, e.version, e.timestamp, e.data, e.metadata) for e in read] == [
        (e.id, e.stream, e.version, e.timestamp, e.data, e.metadata) for e in given
    ]
    assert store.append_in_bulk([]) == Appended(0, 5, 5)
    assert store.append_in_bulk([paid(4)]).to == 6


def test_payloads_may_come_as_json_of_any_schema_version(store: EventStore) -> None:
    store.append_in_bulk([raw(1, '{"cents": 150}'), raw(2, '{"amount": "2.50"}', schema_version=2)])
    assert [e.data for e in store.read_stream(stream("a"))] == [
        Paid(amount=Decimal("1.50")),
        Paid(amount=Decimal("2.50")),
    ]


def test_a_gap_or_a_taken_version_refuses_all(store: EventStore) -> None:
    store.append(stream("a"), 0, [paid(1), paid(2)])
    assert "(a, 2) already exists" in refusal(store, [paid(1, "b"), paid(2)]).replace("acme, Account, ", "")
    assert "it has no version 3, and the first one given is 4" in refusal(store, [paid(1, "b"), paid(4)])
    assert "it has no version 1, and the first one given is 2" in refusal(store, [paid(2, "c")])
    assert "of its versions 3 to 5 only 2 were given" in refusal(store, [paid(3), paid(5)])
    assert store.append_in_bulk([paid(4), paid(3)]).events == 2


def test_what_cannot_be_stored_refuses_all(store: EventStore) -> None:
    note = {"owner": Owner(given="x", family="", country=""), "currency": "EUR"}
    with pytest.raises(Unstorable, match=r"data\.note holds a NUL"):
        store.append_in_bulk([paid(1), event(Opened.model_validate({**note, "note": "\0"}), 1, "b")])
    with pytest.raises(PayloadTooLarge):
        store.append_in_bulk([paid(1), event(Opened.model_validate({**note, "note": "x" * 10_000}), 1, "b")])
    with pytest.raises(Unstorable, match="aggregate_id is empty"):
        store.append_in_bulk([paid(1), paid(1, "")])
    assert "invalid input syntax for type json" in refusal(store, [raw(1, "{")])
    assert list(store.read_all()) == []


def test_an_error_of_the_source_stores_nothing_and_loses_no_connection(database_url: str) -> None:
    def failing() -> Iterator[Event[EventData]]:
        yield paid(1)
        raise ZeroDivisionError

    with Database(database_url, size=1) as database:
        store = EventStore(database, Catalogue((CONTEXT,)))
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                store.append_in_bulk(failing())
        assert list(store.read_all()) == []
        assert store.append_in_bulk([paid(1)]).events == 1


def test_a_bulk_append_uses_constant_memory(store: EventStore) -> None:
    def many(count: int, account: str) -> Iterator[Event[EventData]]:
        return (paid(version, account) for version in range(1, count + 1))

    store.append_in_bulk(many(2_000, "warm up"))
    tracemalloc.start()
    store.append_in_bulk(many(20_000, "a"))
    assert sum(1 for _ in store.read_all()) == 22_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
