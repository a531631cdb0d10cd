"""The event store: all or nothing, one winner, no gaps, no change afterwards; reading without skipping or hoarding."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from acci.domain.errors import AcciError, ConcurrencyError, UnknownName
from acci.domain.events import Event, EventData, EventMetadata, StreamId, Unreadable
from acci.domain.events import Unregistered as OfNoClass
from acci.store.aggregates.repository import Repository
from acci.store.log.append import Append, Encoder
from acci.store.log.append_errors import MisplacedEvent
from acci.store.log.event_store import EventStore
from acci.store.log.payloads import PayloadTooLarge
from acci.store.log.reading import PAGE
from acci.store.postgres.database import Database, connect
from acci.store.registry import Catalogue
from acci.store.values.storable import Unstorable
from acci.store.values.timestamps import WrongTimestamp
from tests.domains.ledger import CONTEXT, TENANT, Account, Opened, Owner, Paid, event, stream
from tests.support.histories import value
from tests.support.read_models import cut

OPENED = Opened(owner=Owner(given="Ann", family="B", country="NL"), currency="EUR")


def paid(amount: int = 1) -> Paid:
    return Paid(amount=Decimal(amount))


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database, Catalogue((CONTEXT,)), payload_limit=10_000)


def test_events_come_back_as_they_were_appended(store: EventStore) -> None:
    given = [event(OPENED, 1), event(paid(), 2)]
    appended = store.append(stream("a"), 0, given)
    assert [e.position for e in appended] == [1, 2]
    assert tuple(store.read_stream(stream("a"))) == appended
    assert [(e.id, e.data, e.metadata, e.timestamp, e.version) for e in appended] == [
        (e.id, e.data, e.metadata, e.timestamp, e.version) for e in given
    ]
    assert all(e.recorded_at.tzinfo == UTC for e in appended)


def test_events_of_one_append_have_the_same_recorded_at(store: EventStore) -> None:
    appended = store.append(stream("a"), 0, [event(paid(), version) for version in range(1, 101)])
    assert len({each.recorded_at for each in appended}) == 1
    (later,) = store.append(stream("a"), 100, [event(paid(), 101)])
    assert later.recorded_at > appended[0].recorded_at


def test_an_append_without_events_does_nothing(store: EventStore) -> None:
    assert store.append(stream("a"), 7, []) == ()
    assert store.version(stream("a")) == 0


def test_a_stream_elsewhere_than_expected_is_a_conflict(store: EventStore) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1), event(paid(), 2)])
    for expected in (0, 1, 3, 9):
        with pytest.raises(ConcurrencyError) as conflict:
            store.append(stream("a"), expected, [event(paid(), expected + 1), event(paid(), expected + 2)])
        assert conflict.value.args == ("a", expected, 2)
    assert store.version(stream("a")) == 2


def test_another_event_at_the_expected_version_is_a_conflict(store: EventStore) -> None:
    account = stream("a")
    store.append(account, 0, [event(OPENED, 1)])
    for events in ([event(paid(), 2)], [event(paid(), 2), event(paid(), 3)]):
        wrong = Append(account, 1, events, follows=uuid4())
        for unchanged in ({}, {stream("b"): 0}):
            with pytest.raises(ConcurrencyError, match="'a' is at version 1, but not as it was decided on"):
                store.commit([wrong], unchanged)
    assert store.version(account) == 1
    (opened,) = store.read_stream(account)
    store.commit([Append(account, 1, [event(paid(), 2)], follows=opened.id)])
    assert store.version(account) == 2


def test_of_twenty_appends_at_once_exactly_one_wins(store: EventStore) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1)])
    gate = threading.Barrier(20)

    def append(amount: int) -> str:
        gate.wait()
        try:
            store.append(stream("a"), 1, [event(paid(amount), 2), event(paid(amount), 3)])
        except ConcurrencyError as conflict:
            return str(conflict)
        return "won"

    lost = str(ConcurrencyError("a", 1, 3))
    with ThreadPoolExecutor(20) as threads:
        assert Counter(threads.map(append, range(1, 21))) == {"won": 1, lost: 19}
    first, second = (e.data for e in store.read_stream(stream("a"), after=1))
    assert first == second


def test_streams_of_other_tenants_and_types_are_other_streams(store: EventStore) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1)])
    theirs = replace(event(OPENED, 1), metadata=EventMetadata("other", "c"))
    other_type = replace(event(OPENED, 1), aggregate_type="Deposit")
    store.append(theirs.stream, 0, [theirs])
    store.append(other_type.stream, 0, [other_type])
    assert [store.version(s) for s in (stream("a"), stream("a", "other"), StreamId(TENANT, "Deposit", "a"))] == [
        1,
        1,
        1,
    ]


def test_the_database_refuses_to_change_events(store: EventStore, database: Database) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1)])
    for change in ("UPDATE acci.events SET version = 9", "DELETE FROM acci.events", "TRUNCATE acci.events"):
        with (
            database.connection() as connection,
            pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
        ):
            connection.execute(change)


def test_the_database_refuses_a_gap_whoever_calls(store: EventStore, database: Database) -> None:
    statement = Encoder(Catalogue((CONTEXT,)).events, 1000).statement(Append(stream("a"), 4, [event(OPENED, 5)]))
    with database.connection() as connection, pytest.raises(psycopg.DatabaseError, match="is at version 0"):
        connection.execute(*statement)


class Unregistered(EventData):
    pass


REFUSED: list[tuple[Event[EventData], type[AcciError], str]] = [
    (event(paid(), 3), MisplacedEvent, "it has version 3, and version 2 is next"),
    (event(paid(), 2, "b"), MisplacedEvent, "its stream is ('acme', 'Account', 'b'), not"),
    (
        replace(event(paid(), 2), metadata=EventMetadata("other", "c")),
        MisplacedEvent,
        "its stream is ('other', 'Account', 'a'), not ('acme', 'Account', 'a')",
    ),
    (
        replace(event(paid(), 2), aggregate_type="Deposit"),
        MisplacedEvent,
        "its stream is ('acme', 'Deposit', 'a'), not",
    ),
    (replace(event(paid(), 2), schema_version=1), MisplacedEvent, "not a Paid of schema version 2"),
    (replace(event(paid(), 2), data=OPENED), MisplacedEvent, "not a Paid"),
    (replace(event(paid(), 2), timestamp=datetime(2026, 1, 1)), MisplacedEvent, "no time zone"),  # noqa: DTZ001
    (replace(event(paid(), 2), timestamp=datetime.fromisoformat("0001-01-01T00:00+01:00")), MisplacedEvent, "years 1"),
    (event(Unregistered(), 2), UnknownName, "There is no event named 'Unregistered'"),
    (event(OPENED.model_copy(update={"note": "a\0b"}), 2), Unstorable, "data.note holds a NUL character"),
    (event(OPENED.model_copy(update={"note": "x" * 10_000}), 2), PayloadTooLarge, "more than the limit of 10,000"),
    (event(OPENED.model_copy(update={"note": "é" * 5_000}), 2), PayloadTooLarge, "Opened for 'a' is 10,0"),
    (replace(event(paid(), 2), metadata=EventMetadata(TENANT, "c\0")), Unstorable, "metadata.correlation_id"),
    (replace(event(paid(), 2), metadata=EventMetadata(TENANT, "\ud800")), Unstorable, "surrogate"),
]


def test_an_unstorable_event_is_refused_before_anything_is_stored(store: EventStore) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1)])
    for given, kind, said in REFUSED:
        with pytest.raises(kind) as refused:
            store.append(stream("a"), 1, [given, event(paid(), 3)])
        assert said in str(refused.value)
    assert [e.position for e in store.read_all()] == [1]


def test_a_stream_has_a_name_that_the_index_can_hold(store: EventStore) -> None:
    names = {
        StreamId("", "Account", "a"): "tenant_id is empty",
        StreamId("t", "Account", "a\0"): "aggregate_id holds a NUL",
        StreamId("t", "Account", "é" * 251): "aggregate_id is 502 bytes long; the limit is 500",
        StreamId("t", "Account", "\udfff"): "half a surrogate pair",
    }
    for name, said in names.items():
        given = replace(event(OPENED, 1, name.aggregate_id), metadata=EventMetadata(name.tenant_id, "c"))
        with pytest.raises(Unstorable) as refused:
            store.append(name, 0, [given])
        assert said in str(refused.value)


def test_the_longest_names_fit(store: EventStore) -> None:
    given = replace(event(OPENED, 1, "é" * 250), metadata=EventMetadata("t" * 500, "c"), aggregate_type="T" * 500)
    assert store.append(given.stream, 0, [given])[0].aggregate_id == "é" * 250


def test_a_text_that_looks_like_an_escaped_nul_is_no_nul(store: EventStore) -> None:
    note = r"\u0000 and \\u0000"
    appended = store.append(stream("a"), 0, [event(OPENED.model_copy(update={"note": note}), 1)])
    assert next(store.read_stream(stream("a"))) == appended[0]


def test_a_stream_is_read_by_versions_and_timestamps(store: EventStore) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    given = [replace(event(paid(), v), timestamp=start + timedelta(days=v)) for v in range(1, 6)]
    store.append(stream("a"), 0, given)

    def versions(**window: object) -> list[int]:
        return [e.version for e in store.read_stream(stream("a"), **window)]  # type: ignore[arg-type]

    assert versions(after=1, to=4) == [2, 3, 4]
    assert versions(to=0) == []
    assert versions(as_of=start + timedelta(days=3)) == [1, 2, 3]
    assert versions(as_of=start) == []
    assert versions(as_of=datetime.max.replace(tzinfo=UTC)) == [1, 2, 3, 4, 5]
    assert versions(as_of=datetime.min.replace(tzinfo=UTC)) == []
    assert list(store.read_stream(stream("nobody"))) == []


def test_a_timestamp_without_a_zone_is_refused(store: EventStore) -> None:
    """It would be taken for UTC, which is a guess."""
    for wrong in (datetime(2026, 1, 1), datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))):  # noqa: DTZ001
        with pytest.raises(WrongTimestamp):
            Repository(store).load(Account, stream("a"), as_of=wrong)
        with pytest.raises(WrongTimestamp):
            next(store.read_stream(stream("a"), as_of=wrong))


def test_everything_is_read_in_order_across_pages(store: EventStore) -> None:
    count = 2 * PAGE + 1
    store.append(stream("a"), 0, [event(paid(), v) for v in range(1, count + 1)])
    assert [e.version for e in store.read_stream(stream("a"))] == list(range(1, count + 1))
    assert [e.position for e in store.read_all(after=3)] == list(range(4, count + 1))
    assert [e.position for e in store.read_all(after=count)] == []
    assert [e.position for e in store.read_all(to=PAGE + 7)][-1] == PAGE + 7


def test_reading_everything_takes_types_and_a_tenant(store: EventStore) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1), event(paid(), 2)])
    theirs = replace(event(OPENED, 1), metadata=EventMetadata("other", "c"))
    store.append(theirs.stream, 0, [theirs])
    assert [e.position for e in store.read_all(event_types=["Opened"])] == [1, 3]
    assert [e.position for e in store.read_all(tenant_id="other")] == [3]
    assert [e.position for e in store.read_all(event_types=[])] == []


def test_reading_everything_stops_below_what_may_still_appear(store: EventStore, database_url: str) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1)])
    with connect(database_url, "slow writer") as slow:
        assert [e.position for e in store.read_all()] == [1]
        with slow.transaction():
            slow.execute(
                "INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,"
                " data, metadata) VALUES (now(), gen_random_uuid(), 1, 't', 'T', 'slow', 'X', '{}', '{}')"
            )
            store.append(stream("b"), 0, [event(OPENED, 1, "b")])
            assert [e.position for e in store.read_all(to=99)] == [1]
    assert [e.position for e in store.read_all()] == [1, 2, 3]


def test_unknown_and_newer_events_are_kept_and_reported(store: EventStore, database: Database) -> None:
    with database.connection() as connection:
        for version, (name, schema) in enumerate([("Forgotten", 1), ("Paid", 9)], 1):
            connection.execute(
                "INSERT INTO acci.events (timestamp, id, version, schema_version, tenant_id, aggregate_type,"
                " aggregate_id, event_type, data, metadata) VALUES"
                " (now(), gen_random_uuid(), %s, %s, %s, 'Account', 'a', %s, '{\"x\": [1.5]}', '{}')",
                (version, schema, TENANT, name),
            )
    forgotten, newer = store.read_stream(stream("a"))
    assert forgotten.data == OfNoClass(payload={"x": [1.5]}, reason="no event type Forgotten is registered.")
    assert isinstance(newer.data, Unreadable)
    assert "schema version is 9" in newer.data.reason
    with pytest.raises(UnknownName):
        store.append(stream("b"), 0, [replace(forgotten, aggregate_id="b")])


def test_all_of_one_correlation_is_found_across_aggregates(store: EventStore) -> None:
    store.append(stream("a"), 0, [event(OPENED, 1, correlation_id="r1"), event(paid(), 2, correlation_id="r2")])
    store.append(stream("b"), 0, [event(OPENED, 1, "b", correlation_id="r1")])
    assert [(e.aggregate_id, e.version) for e in store.read_correlated(TENANT, "r1")] == [("a", 1), ("b", 1)]
    assert store.read_correlated("other", "r1") == ()


def test_no_connection_is_lost_on_any_path(database_url: str) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, Catalogue((CONTEXT,)))
        for _ in range(3):
            reading = store.read_stream(stream("a"))
            with pytest.raises(ConcurrencyError):
                store.append(stream("a"), 5, [event(paid(), 6)])
            with pytest.raises(Unstorable):
                store.append(stream("\0"), 0, [event(paid(), 1, "\0")])
            next(reading, None)
            next(iter(store.read_all()), None)
        assert store.append(stream("a"), 0, [event(OPENED, 1)])


def test_after_a_lost_connection_the_pool_lends_a_working_one(database_url: str) -> None:
    """A server that went takes all of a pool's connections with it."""
    ask = "SELECT pg_backend_pid()"
    with connect(database_url, "test") as killer, Database(database_url, size=3) as database:
        lent = [database.connection() for _ in range(3)]
        for pid in [value(loan.__enter__(), ask) for loan in lent]:
            cut(killer, pid)
        for loan in lent:  # working, as far as the pool knows
            loan.__exit__(None, None, None)
        with pytest.raises(psycopg.OperationalError), database.connection() as connection:
            connection.execute(ask)
        for _ in range(3):
            with database.connection() as connection:
                assert value(connection, ask)
