"""Appends that expect no certain version, and appends in the caller's own transaction."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from acci import ANY, EXISTS
from acci.domain.errors import ConcurrencyError
from acci.domain.events import Event, EventData
from acci.store.log import high_water
from acci.store.log.append_within import NoTransaction
from acci.store.log.event_store import EventStore
from acci.store.log.expected_version import NoSuchStream
from acci.store.log.idempotency import CommandReused
from acci.store.postgres.database import Database, connect
from acci.store.postgres.errors import SchemaMissing
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, TENANT, Opened, Owner, Paid, event, stream

OPENED = Opened(owner=Owner(given="Ann", family="B", country="NL"), currency="EUR")
A = stream("a")


def paid(amount: int = 1, version: int = 1) -> Event[EventData]:
    return event(Paid(amount=Decimal(amount)), version)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url, size=8, role="append") as database:
        yield database


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database, Catalogue((CONTEXT,)))


@pytest.fixture
def own(database_url: str) -> Iterator[psycopg.Connection[dict[str, object]]]:
    """A program's own connection, not as ACCI makes them, with a table of its own."""
    with psycopg.connect(database_url, row_factory=dict_row, options="-c timezone=Asia/Tokyo") as own:
        own.execute("CREATE TABLE public.orders (id integer PRIMARY KEY)")
        own.commit()
        yield own


def test_any_version_will_do(store: EventStore) -> None:
    assert [each.version for each in store.append(A, ANY, [event(OPENED, 1), paid()])] == [1, 2]
    assert [each.version for each in store.append(A, ANY, [paid(), paid()])] == [3, 4]


def test_an_existing_stream_is_wanted(store: EventStore) -> None:
    with pytest.raises(NoSuchStream, match="There is no Account 'a' of the tenant 'acme'"):
        store.append(A, EXISTS, [paid()])
    store.append(A, 0, [event(OPENED, 1)])
    assert [each.version for each in store.append(A, EXISTS, [paid()])] == [2]


def test_many_at_once_at_any_version_are_all_stored(store: EventStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.append(A, ANY, [paid(n)]), range(1, 41)))
    events = list(store.read_stream(A))
    assert [each.version for each in events] == list(range(1, 41))
    assert {each.data.amount for each in events} == set(range(1, 41))  # type: ignore[attr-defined]


def test_with_a_key_at_any_version_it_is_stored_once(store: EventStore) -> None:
    key = uuid4()
    once = store.append(A, ANY, [paid()], key)
    store.append(A, ANY, [paid()])
    assert store.append(A, ANY, [paid()], key) == once
    with pytest.raises(CommandReused):
        store.append(A, ANY, [paid(2)], key)
    assert store.version(A) == 2


def test_in_the_callers_transaction_both_are_there_or_neither(
    store: EventStore, own: psycopg.Connection[dict[str, object]]
) -> None:
    key = uuid4()
    own.execute("INSERT INTO public.orders VALUES (1)")
    store.append(A, 0, [event(OPENED, 1)], key, connection=own)
    own.rollback()
    assert store.version(A) == 0
    assert own.execute("SELECT count(*) AS n FROM public.orders").fetchone() == {"n": 0}

    own.execute("INSERT INTO public.orders VALUES (1)")
    stored = store.append(A, 0, [event(OPENED, 1)], key, connection=own)
    assert store.version(A) == 0, "nobody sees it before it is committed"
    own.commit()
    assert tuple(store.read_stream(A)) == stored
    assert store.append(A, 0, [event(OPENED, 1)], key, connection=own) == stored
    assert store.append(A, 0, [event(OPENED, 1)], key) == stored
    assert own.execute("SELECT count(*) AS n FROM public.orders").fetchone() == {"n": 1}
    own.commit()
    assert store.version(A) == 1


def test_a_refused_append_leaves_the_callers_transaction_usable(
    store: EventStore, own: psycopg.Connection[dict[str, object]]
) -> None:
    key = uuid4()
    store.append(A, 0, [event(OPENED, 1)], key)
    own.execute("INSERT INTO public.orders VALUES (1)")
    with pytest.raises(ConcurrencyError, match="'a' is at version 1, not at the expected 0"):
        store.append(A, 0, [event(OPENED, 1)], connection=own)
    with pytest.raises(CommandReused):
        store.append(A, 1, [paid(version=2)], key, connection=own)
    assert [each.version for each in store.append(A, ANY, [paid()], connection=own)] == [2]
    assert [each.version for each in store.append(A, EXISTS, [paid()], connection=own)] == [3]
    own.commit()
    assert store.version(A) == 3
    assert own.execute("SELECT count(*) AS n FROM public.orders").fetchone() == {"n": 1}
    own.rollback()


def test_the_mark_waits_for_the_callers_transaction(
    store: EventStore, own: psycopg.Connection[dict[str, object]], database_url: str
) -> None:
    with connect(database_url, "test") as other:
        (first,) = store.append(A, 0, [event(OPENED, 1)])
        assert high_water.establish(other).position == first.position
        (held,) = store.append(A, 1, [paid(version=2)], connection=own)
        (behind,) = store.append(stream("b"), 0, [event(OPENED, 1, "b")])
        assert first.position < held.position < behind.position
        assert high_water.establish(other).position == first.position
        own.commit()
        assert high_water.establish(other).position == behind.position


def test_two_senders_of_one_key_store_it_once(
    store: EventStore, own: psycopg.Connection[dict[str, object]], database_url: str
) -> None:
    key = uuid4()
    stored = store.append(A, 0, [event(OPENED, 1)], key, connection=own)
    with ThreadPoolExecutor(1) as threads:
        same = threads.submit(store.append, A, 0, [event(OPENED, 1)], key)
        own.commit()
        assert same.result() == stored
    assert store.version(A) == 1


def test_without_a_transaction_it_is_refused(store: EventStore, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as own:
        with pytest.raises(NoTransaction, match="has begun no transaction"):
            store.append(A, 0, [event(OPENED, 1)], connection=own)
        with own.transaction():
            store.append(A, 0, [event(OPENED, 1)], connection=own)
        assert store.version(A) == 1
        assert next(store.read_stream(A)).tenant_id == TENANT
    with pytest.raises(NoTransaction, match="is closed"):
        store.append(A, 1, [paid(version=2)], connection=own)


def test_a_transaction_that_takes_nothing_more_is_refused(
    store: EventStore, own: psycopg.Connection[dict[str, object]]
) -> None:
    with pytest.raises(psycopg.Error):
        own.execute("SELECT 1 / 0")
    with pytest.raises(NoTransaction, match="has failed and can only be rolled back"):
        store.append(A, 0, [event(OPENED, 1)], connection=own)
    own.rollback()
    assert len(store.append(A, 0, [event(OPENED, 1)], connection=own)) == 1


def test_a_connection_to_another_database_is_refused(store: EventStore, database_url: str) -> None:
    with psycopg.connect(f"{database_url.rpartition('/')[0]}/postgres") as own, pytest.raises(SchemaMissing):
        store.append(A, 0, [event(OPENED, 1)], connection=own)


def test_a_connection_for_asyncio_is_refused(store: EventStore, database_url: str) -> None:
    async def append() -> None:
        async with await psycopg.AsyncConnection.connect(database_url) as own:
            with pytest.raises(TypeError, match=r"is no psycopg\.Connection"):
                store.append(A, 0, [event(OPENED, 1)], connection=own)  # type: ignore[arg-type]

    asyncio.run(append())


def test_a_key_that_is_text_is_refused(store: EventStore) -> None:
    with pytest.raises(TypeError, match=r"make one by uuid\.UUID"):
        store.append(A, 0, [event(OPENED, 1)], str(uuid4()))  # type: ignore[arg-type]
    assert not store.exists(A)
