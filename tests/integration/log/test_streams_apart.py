"""Streams that share ids, of two tenants and two types, are never taken for each other, also without row security."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from acci.domain.errors import ConcurrencyError
from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.store.aggregates.repository import Repository
from acci.store.log.append import Append
from acci.store.log.append_errors import StreamChanged
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import IdempotencyRecord
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Account, Paid, event


class Deposit(Account):
    """Another type, which looks the same."""


CATALOGUE = Catalogue((CONTEXT,))
OWN = StreamId("acme", "Account", "a")
OF_TENANT = StreamId("other", "Account", "a")
OF_TYPE = StreamId("acme", "Deposit", "a")
OF_BOTH = StreamId("other", "Deposit", "a")
OF_ID = StreamId("acme", "Account", "b")
# Of each stream: what every event of it pays in, its version, its snapshot's.
STREAMS = {OWN: (1, 3, 1), OF_TENANT: (10, 7, 6), OF_TYPE: (100, 6, 5), OF_ID: (1000, 5, 4), OF_BOTH: (10_000, 4, 3)}
TYPES: dict[str, type[Account]] = {"Account": Account, "Deposit": Deposit}
SAME = uuid4()  # a command of both tenants
THEIRS = uuid4()  # one of the other tenant


def paid(stream: StreamId, version: int) -> Event[EventData]:
    data = Paid(amount=Decimal(STREAMS[stream][0]))
    made = event(data, version, stream.aggregate_id)
    return replace(made, aggregate_type=stream.aggregate_type, metadata=EventMetadata(stream.tenant_id, "c"))


def handled(command_id: UUID) -> IdempotencyRecord:
    return IdempotencyRecord(command_id, "Pay", b"")


@pytest.fixture
def store(database_url: str) -> Iterator[EventStore]:
    """All of them, through a login that row security does not confine; each one's last event is a command's."""
    with Database(database_url) as database:
        store = EventStore(database, CATALOGUE)
        commands = {
            OWN: handled(SAME),
            OF_TENANT: handled(SAME),
            OF_BOTH: handled(THEIRS),
        }
        for stream, (amount, version, snapshot) in STREAMS.items():
            store.append(stream, 0, [paid(stream, each) for each in range(1, version)])
            store.commit([Append(stream, version - 1, [paid(stream, version)], commands.get(stream))])
            state = TYPES[stream.aggregate_type](balance=Decimal(amount * snapshot))
            Repository(store).save_snapshot(stream, snapshot, state)
        yield store


@pytest.mark.parametrize("stream", STREAMS, ids="/".join)
def test_each_is_read_by_itself(store: EventStore, stream: StreamId) -> None:
    amount, version, snapshot = STREAMS[stream]
    assert store.version(stream) == version
    assert [(each.stream, each.version) for each in store.read_stream(stream)] == [
        (stream, each) for each in range(1, version + 1)
    ]
    aggregate = TYPES[stream.aggregate_type]
    loaded = Repository(store).load(aggregate, stream)
    assert (int(loaded.state.balance), loaded.version, loaded.snapshot_version) == (amount * version, version, snapshot)
    before = Repository(store).load(aggregate, stream, to_version=snapshot - 1)
    assert (int(before.state.balance), before.snapshot_version) == (amount * (snapshot - 1), 0)
    assert store.commit([], {stream: version}) == ()
    for wrong in {own for _, own, _ in STREAMS.values()} - {version}:
        with pytest.raises(StreamChanged) as changed:
            store.commit([], {stream: wrong})
        assert changed.value.args == (stream.aggregate_id, wrong, version)


def test_a_command_is_known_to_its_own_tenant(store: EventStore) -> None:
    for stream in (OWN, OF_TENANT):
        (led_to,) = store.result_of(stream.tenant_id, SAME)
        assert (led_to.stream, led_to.version) == (stream, STREAMS[stream][1])
        assert Repository(store).load(Account, stream, command_id=SAME).handled_digest == b""
    assert len(store.result_of("other", THEIRS)) == 1
    assert store.result_of("acme", THEIRS) == ()
    assert Repository(store).load(Account, OWN, command_id=THEIRS).handled_digest is None


@pytest.mark.parametrize("rival", [OF_TENANT, OF_TYPE, OF_ID], ids="/".join)
@pytest.mark.parametrize("of_command", [False, True])
@pytest.mark.parametrize("many", [1, 2])
def test_an_event_of_another_stream_cannot_be_followed(
    store: EventStore, rival: StreamId, of_command: bool, many: int
) -> None:
    """Another stream has an event with the expected version and id; the stream itself is below that version."""
    at = STREAMS[rival][1]
    last = list(store.read_stream(rival))[-1]
    events = [paid(OWN, at + each) for each in range(1, many + 1)]
    for follows in (None, last.id):
        with pytest.raises(ConcurrencyError) as conflict:
            store.commit([Append(OWN, at, events, handled(uuid4()) if of_command else None, follows)])
        assert conflict.value.args == ("a", at, 3)
    assert [store.version(stream) for stream in STREAMS] == [version for _, version, _ in STREAMS.values()]
    assert [len(each) for each in store.commit([Append(OWN, 3, [paid(OWN, 3 + v) for v in range(1, many + 1)])])] == [
        many
    ]
