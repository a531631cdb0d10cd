"""How long one Python client waits for an append, beside a bare prepared INSERT over the same driver.

`measure(database_url)` returns rows; the second row's ratio is the promise: at most 1.4.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.domain.users.events import UserCreated
from acci.store.log.event_store import EventStore
from acci.store.log.payloads import encode_metadata
from acci.store.postgres.database import Database
from acci.store.registry import load
from tests.bench.rows import Row

BARE = """
    INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    RETURNING position, recorded_at
"""
ROUNDS, APPENDS = 20, 100


def measure(database_url: str) -> list[Row]:
    """Both in turns on one connection each, so that what else the machine does meets both; medians of all."""
    with Database(database_url, size=1) as database, Database(database_url, size=1) as bare_database:
        store = EventStore(database, load(["acci.domain.users"]))
        with bare_database.connection() as connection:

            def bare(event: Event[EventData]) -> None:
                connection.execute(BARE, bare_row(event)).fetchone()

            def appended(event: Event[EventData]) -> None:
                store.append(event.stream, 0, [event])

            taken: dict[Callable[[Event[EventData]], None], list[float]] = {bare: [], appended: []}
            for _ in range(ROUNDS):
                for act, times in taken.items():
                    times.extend(_timed(act, new_event()) for _ in range(APPENDS))
    in_bare, in_append = (statistics.median(times) * 1e6 for times in taken.values())
    return [
        Row("bare prepared INSERT over psycopg, median", in_bare, "µs"),
        Row("EventStore.append of one event, median", in_append, "µs", in_append / in_bare, "≤ 1.4"),
    ]


def _timed(act: Callable[[Event[EventData]], None], event: Event[EventData]) -> float:
    begin = time.perf_counter()
    act(event)
    return time.perf_counter() - begin


def bare_row(event: Event[EventData]) -> tuple[object, ...]:
    """The parameters of `BARE`."""
    return (
        event.timestamp,
        event.id,
        event.version,
        event.schema_version,
        *event.stream,
        event.event_type,
        event.data.model_dump_json(),
        encode_metadata(event.metadata),
    )


def new_event() -> Event[EventData]:
    """The first event of a new stream."""
    stream = StreamId("tenant-1", "User", str(uuid4()))
    data = UserCreated(email="ann@example.com", name="Ann Example")
    metadata = EventMetadata(stream.tenant_id, str(uuid4()), str(uuid4()), "admin")
    return Event(
        uuid4(), stream.aggregate_id, stream.aggregate_type, data.event_type(), 1, data, metadata, datetime.now(UTC)
    )
