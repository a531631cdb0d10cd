"""Payloads of every sort come back from the store equal to what was appended."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from acci.domain.contexts import Context
from acci.domain.events import EventData, EventMetadata, StreamId
from acci.store.log.bulk import append_in_bulk
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from tests.domains.ledger import event, stream


class Colour(Enum):
    RED = "red"
    BLUE = 2


class Address(BaseModel):
    street: str
    number: int | None
    at: datetime


class Everything(EventData):
    text: str
    whole: int
    exact: Decimal
    rough: float
    truth: bool
    moment: datetime
    day: date
    clock: time
    span: timedelta
    id: UUID
    raw: bytes
    colour: Colour
    choice: Literal["a", 1, True]
    perhaps: str | None
    address: Address
    addresses: list[Address]
    by_name: dict[str, Decimal]
    by_day: dict[date, int]
    pair: tuple[int, str]
    labels: frozenset[str]
    anything: Any


CATALOGUE = Catalogue((Context(name="everything", sql=Path(), events=(Everything,)),))

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
names = texts.filter(lambda name: name != "acci.personal")  # the one name that a payload must not use
zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=-11, minutes=-30)), timezone(timedelta(hours=14)), ZoneInfo("UTC")]
)
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001
decimals = st.decimals(allow_nan=False, allow_infinity=False)
addresses = st.builds(Address, street=texts, number=st.none() | st.integers(), at=moments)
# In a field without a type, PostgreSQL's JSON returns a float with an exponent as an integer.
small_floats = st.floats(min_value=-1e15, max_value=1e15)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | small_floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
everythings = st.builds(
    Everything,
    text=texts,
    whole=st.integers(),
    exact=decimals,
    rough=st.floats(),
    truth=st.booleans(),
    moment=moments,
    day=st.dates(),
    clock=st.times(),
    span=st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)),
    id=st.uuids(),
    raw=st.binary(),
    colour=st.sampled_from(Colour),
    choice=st.sampled_from(["a", 1, True]),
    perhaps=st.none() | texts,
    address=addresses,
    addresses=st.lists(addresses, max_size=3),
    by_name=st.dictionaries(names, decimals, max_size=3),
    by_day=st.dictionaries(st.dates(), st.integers(), max_size=3),
    pair=st.tuples(st.integers(), texts),
    labels=st.frozensets(texts, max_size=3),
    anything=json_values,
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url, size=2) as database:
        yield database


def plain(data: EventData) -> dict[str, Any]:
    """The payload's values, a NaN made equal to itself; decimals with their digits, as they print."""
    values = {name: str(value) if isinstance(value, Decimal) else value for name, value in data}
    return {name: "nan" if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def test_whatever_is_appended_comes_back_equal(database: Database) -> None:
    store, accounts = EventStore(database, CATALOGUE), map(str, count())

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(everythings, min_size=1, max_size=3))
    def round_trip(payloads: list[Everything]) -> None:
        one, other = next(accounts), next(accounts)
        store.append(stream(one), 0, [event(data, v, one) for v, data in enumerate(payloads, 1)])
        with database.connection() as connection:
            append_in_bulk(connection, [event(data, v, other) for v, data in enumerate(payloads, 1)], 1_000_000)
        for account in (one, other):
            read = [plain(e.data) for e in store.read_stream(stream(account))]
            assert read == [plain(data) for data in payloads]

    round_trip()


def test_names_and_metadata_come_back_equal(database: Database) -> None:
    store, accounts = EventStore(database, CATALOGUE), count()
    names = texts.map(lambda name: f"{name}|{next(accounts)}").filter(lambda name: len(name.encode()) <= 500)

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(names, names, texts, texts, everythings)
    def round_trip(tenant: str, account: str, correlation: str, user: str, data: Everything) -> None:
        metadata = EventMetadata(tenant, correlation, None, user)
        (appended,) = store.append(
            StreamId(tenant, "Account", account), 0, [replace(event(data, 1, account), metadata=metadata)]
        )
        (read,) = store.read_stream(appended.stream)
        assert (read.metadata, read.stream, read.timestamp, read.id) == (
            metadata, appended.stream, appended.timestamp, appended.id
        )  # fmt: skip

    round_trip()


class Large(EventData):
    text: str
    numbers: list[int]


def test_a_large_payload_comes_back_equal(database: Database) -> None:
    catalogue = Catalogue((Context(name="large", sql=Path(), events=(Large,)),))
    store = EventStore(database, catalogue, payload_limit=20_000_000)
    data = Large(text='é🙂\\"' * 1_000_000, numbers=list(range(500_000)))
    store.append(stream("a"), 0, [event(data, 1)])
    assert next(store.read_stream(stream("a"))).data == data
