"""Reading the log under one vocabulary of bounds, either way round; one event, and the streams of a tenant."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.store.log.event_store import EventStore
from acci.store.log.reading import TenantNeeded, WrongBound
from acci.store.postgres.database import Database
from acci.store.postgres.session import Role
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, TENANT, Opened, Owner, Paid, event, stream

CATALOGUE = Catalogue((CONTEXT,))
OPENED = Opened(owner=Owner(given="Ann", family="B", country="NL"), currency="EUR")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BOUND = st.integers(0, 12)


def of_tenant(tenant_id: str, data: EventData, version: int, account: str = "a") -> Event[EventData]:
    return replace(event(data, version, account), metadata=EventMetadata(tenant_id, "c"))


@pytest.fixture
def store(database_url: str) -> Iterator[EventStore]:
    with Database(database_url, size=2) as database:
        yield EventStore(database, CATALOGUE)


@pytest.fixture
def ten(store: EventStore) -> EventStore:
    """Ten events of one account, an hour apart, then one of another tenant's."""
    events = [event(OPENED if version == 1 else Paid(amount=Decimal(version)), version) for version in range(1, 11)]
    hourly = [replace(each, timestamp=NOON + timedelta(hours=each.version)) for each in events]
    store.append(stream("a"), 0, hourly)
    theirs = of_tenant("other", OPENED, 1)
    store.append(theirs.stream, 0, [theirs])
    return store


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(after=BOUND, to=BOUND | st.none(), limit=BOUND | st.none(), backwards=st.booleans(), page=st.integers(1, 12))
def test_bounds_mean_the_same_in_a_stream_and_in_the_log(
    ten: EventStore, after: int, to: int | None, limit: int | None, backwards: bool, page: int
) -> None:
    def wanted(last: int) -> list[int]:
        within = [n for n in range(1, last + 1) if n > after and (to is None or n <= to)]
        return (within[::-1] if backwards else within)[:limit]

    bounds = {"after": after, "to": to, "limit": limit, "backwards": backwards, "page": page}
    assert [each.version for each in ten.read_stream(stream("a"), **bounds)] == wanted(10)  # type: ignore[arg-type]
    assert [each.position for each in ten.read_all(**bounds)] == wanted(11)  # type: ignore[arg-type]
    assert [each.position for each in ten.read_all(**bounds, tenant_id=TENANT)] == wanted(10)  # type: ignore[arg-type]


def test_the_log_by_type_tenant_and_time(ten: EventStore) -> None:
    def positions(**bounds: object) -> list[int]:
        return [each.position for each in ten.read_all(**bounds)]  # type: ignore[arg-type]

    assert positions(event_types=["Opened"]) == [1, 11]
    assert positions(event_types=["Opened"], backwards=True, limit=1) == [11]
    assert positions(tenant_id="other") == [11]
    between = {"since": NOON + timedelta(hours=3), "until": NOON + timedelta(hours=6)}
    assert positions(**between) == [3, 4, 5]
    assert positions(**between, page=1, limit=2, backwards=True) == [5, 4]


def test_one_event_and_the_last_one(ten: EventStore) -> None:
    last = ten.last_event(stream("a"))
    assert last is not None
    assert (last.version, last.position) == (10, 10)
    assert ten.event(last.id) == ten.event(last.id, TENANT) == last
    assert ten.event(last.id, "other") is None
    assert ten.event(uuid4()) is None
    assert ten.last_event(stream("nobody")) is None
    assert (ten.exists(stream("a")), ten.exists(stream("nobody"))) == (True, False)


def test_a_stream_backwards_as_it_was(ten: EventStore) -> None:
    then = NOON + timedelta(hours=4)
    assert [each.version for each in ten.read_stream(stream("a"), as_of=then, backwards=True, limit=2)] == [4, 3]


def test_the_streams_of_a_tenant(store: EventStore) -> None:
    ids = ["a-1", "a-2", "a.3", "b-1", "b", "a_4", "%"]
    for account in ids:
        store.append(stream(account), 0, [event(OPENED, 1, account), event(Paid(amount=Decimal(1)), 2, account)])
    other = [replace(of_tenant(TENANT, OPENED, 1, "a-1"), aggregate_type="Zoo")]
    store.append(other[0].stream, 0, other)
    theirs = of_tenant("other", OPENED, 1, "a-9")
    store.append(theirs.stream, 0, [theirs])

    def found(**bounds: object) -> list[tuple[str, ...]]:
        return [each[1:] for each in store.streams(TENANT, **bounds)]  # type: ignore[arg-type]

    accounts = [("Account", each) for each in sorted(ids)]
    assert found() == [*accounts, ("Zoo", "a-1")]
    assert found(aggregate_type="Zoo") == [("Zoo", "a-1")]
    assert found(aggregate_type="Nothing") == []
    assert found(prefix="a-") == [("Account", "a-1"), ("Account", "a-2"), ("Zoo", "a-1")]
    assert found(prefix="%") == [("Account", "%")]
    assert found(limit=2) == accounts[:2]
    assert found(after=StreamId(TENANT, *accounts[1]), limit=2) == accounts[2:4]
    assert found(after=StreamId(TENANT, *accounts[-1])) == [("Zoo", "a-1")]
    assert [each.aggregate_id for each in store.streams("other")] == ["a-9"]


@pytest.mark.parametrize("role", ["append", "read"])
def test_a_role_that_sees_one_tenant_needs_one(ten: EventStore, database_url: str, role: Role) -> None:
    with Database(database_url, size=1, role=role) as database:
        store = EventStore(database, CATALOGUE)
        assert len(list(store.read_all(tenant_id=TENANT))) == 10
        (first,) = store.read_all(tenant_id=TENANT, limit=1)
        assert store.event(first.id, TENANT) == first
        assert len(list(store.streams(TENANT))) == 1
        with pytest.raises(TenantNeeded, match=f"acci_{role} sees the events of one tenant"):
            store.read_all()
        with pytest.raises(TenantNeeded):
            store.event(first.id)


def test_bounds_that_mean_nothing_are_refused(store: EventStore) -> None:
    for read in (store.read_all, lambda **bounds: store.read_stream(stream("a"), **bounds)):
        with pytest.raises(WrongBound, match="limit is -1"):
            read(limit=-1)
        with pytest.raises(WrongBound, match="page is 0"):
            read(page=0)
    wrong: Any
    for wrong in (-1, True, 1.5, "1", 2**63, float("nan")):
        for name in ("after", "to", "limit"):
            for read in (store.read_all, lambda **bounds: store.read_stream(stream("a"), **bounds)):
                with pytest.raises(WrongBound, match=f"{name} is {re.escape(repr(wrong))}: give it a whole number"):
                    read(**{name: wrong})
    with pytest.raises(WrongBound):
        store.read_correlated(TENANT, "c", -1)
    with pytest.raises(WrongBound):
        store.streams(TENANT, limit=-1)
