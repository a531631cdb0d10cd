"""The audit of ends: what came after an event that ends its stream is found, that event itself never is."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database
from acci.store.registry import Catalogue, load
from tests.domains.bank.events import AccountClosed, AccountOpened, Deposited
from tests.domains.bank.ledger import audited
from tests.domains.ledger import event

OPENED = AccountOpened(owner="Ann", since=datetime(2026, 1, 1, tzinfo=UTC))
STREAM = StreamId("t", "Account", "a")
OTHERS = (StreamId("other", "Account", "a"), StreamId("t", "Deposit", "a"), StreamId("t", "Account", "b"))  # go on
DEPOSITED, CLOSED = Deposited(amount=Decimal(1)), AccountClosed()


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.bank"])


def of(stream: StreamId, version: int, data: EventData) -> Event[EventData]:
    made = event(data, version, stream.aggregate_id)
    return replace(made, aggregate_type=stream.aggregate_type, metadata=EventMetadata(stream.tenant_id, "c"))


@pytest.mark.parametrize(
    ("happened", "found"),
    [
        ([OPENED], None),
        ([OPENED, CLOSED], None),
        ([CLOSED], None),
        ([OPENED, CLOSED, DEPOSITED], ("Deposited (version 3) came after the stream had ended with version 2.", 1, 3)),
        (
            [OPENED, CLOSED, DEPOSITED, CLOSED],
            ("Deposited (version 3) came after the stream had ended with version 2.", 2, 3),
        ),
        ([CLOSED, CLOSED], ("AccountClosed (version 2) came after the stream had ended with version 1.", 1, 2)),
    ],
)
def test_events_after_a_terminal_event_are_counted(
    database_url: str,
    connection: Connection,
    catalogue: Catalogue,
    happened: list[EventData],
    found: tuple[str, int, int] | None,
) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, catalogue)
        store.append(STREAM, 0, [of(STREAM, version, data) for version, data in enumerate(happened, 1)])
        for other in OTHERS:
            store.append(other, 0, [of(other, version, DEPOSITED) for version in range(1, 9)])
    (done,) = audited(connection, catalogue, "terminal_events")
    told = [(each.place, each.problem, each.details) for each in done.found]
    if found is None:
        assert told == []
    else:
        problem, events_after, position = found
        assert told == [(STREAM._asdict(), problem, {"events": str(events_after), "position": str(position)})]
