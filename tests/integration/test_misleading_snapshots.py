"""Snapshots that say what the log does not: ahead of it, of events that were lost, or looking like something else."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Self

import pytest
from pydantic import Field

from domain.aggregates import Aggregate, decides, evolves
from domain.commands import Command, CommandData
from domain.contexts import Context
from domain.errors import Refused
from domain.events import Event, EventData, StreamId
from store.auditing.auditing import all_checks, audit
from store.auditing.extents import Extent
from store.catalogue import Catalogue
from store.compacting import compact
from store.database import Connection, Database
from store.events import EventStore
from store.handling import CommandHandler
from tests.histories import cut_log
from tests.ledger import CONTEXT, TENANT, Account, Open, Pay, command, stream

CATALOGUE = Catalogue((CONTEXT,))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url, size=4) as database:
        yield database


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database, CATALOGUE)


@pytest.fixture
def handler(store: EventStore) -> CommandHandler:
    return CommandHandler(store, CATALOGUE)


def test_a_snapshot_ahead_of_the_log_is_ignored(
    store: EventStore, handler: CommandHandler, connection: Connection
) -> None:
    handler.handle(command(Open(account="a", holder="Ann")))
    handler.handle(command(Pay(account="a", amount=Decimal(5))))
    store.save_snapshot(stream("a"), 9, Account(open=True, balance=Decimal(100), holder="Eve"))
    for to_version in (None, 2, 20):
        loaded = store.load(Account, stream("a"), to_version=to_version)
        assert (loaded.version, loaded.snapshot_version, loaded.state.balance) == (2, 0, Decimal(5))
    assert CommandHandler(store, CATALOGUE).handle(command(Pay(account="a", amount=Decimal(1))))[0].version == 3


def test_the_newest_event_is_known_also_where_only_a_snapshot_was_read(
    store: EventStore, handler: CommandHandler, connection: Connection
) -> None:
    """What a command decides on it must follow that very event: others may have been put there since a restore."""
    handler.handle(command(Open(account="a", holder="Ann")))
    for _ in range(2):
        handler.handle(command(Pay(account="a", amount=Decimal(50))))
    loaded = store.load(Account, stream("a"))
    newest = list(store.read_stream(stream("a")))[-1].id
    assert (loaded.version, loaded.snapshot_version, loaded.newest) == (3, 3, newest)
    remembering, other = (CommandHandler(store, CATALOGUE, attempts=2) for _ in range(2))
    assert remembering.handle(command(Pay(account="a", amount=Decimal(0)))) == ()
    cut_log(connection, 2)
    connection.execute("DELETE FROM acci.snapshots")
    other.handle(command(Pay(account="a", amount=Decimal(-10))))
    with pytest.raises(Refused):
        remembering.handle(command(Pay(account="a", amount=Decimal(-100))))


class Tagged(EventData):
    key: str
    value: str


class Tag(CommandData):
    aggregate_id_field: ClassVar[str] = "id"

    id: str
    key: str
    value: str


class Tags(Aggregate):
    """Has what its users name, under names of theirs."""

    snapshot_every: ClassVar[int | None] = 1

    tags: dict[str, str] = Field(default_factory=dict)

    @decides(Tag)
    def decide_tag(self, command: Command[Tag]) -> Tagged:
        return Tagged(key=command.data.key, value=command.data.value)

    @evolves(Tagged)
    def tagged(self, event: Event[Tagged]) -> Self:
        return self.model_copy(update={"tags": {event.data.key: event.data.value}})


@pytest.mark.parametrize("value", ["QUJD", "A" * 80, "=", "not base64"])
def test_a_state_that_looks_like_a_concealed_one_is_taken_for_what_it_is(
    database: Database, connection: Connection, value: str
) -> None:
    catalogue = Catalogue((Context("tags", Path(__file__).parent, events=(Tagged,), aggregates=(Tags,)),))
    tagging = EventStore(database, catalogue)
    for _ in range(2):
        sent = command(Tag(id="a", key="acci.personal", value=value))
        CommandHandler(tagging, catalogue, recent=0).handle(sent)
    loaded = tagging.load(Tags, StreamId(TENANT, "Tags", "a"))
    assert (loaded.state.tags, loaded.snapshot_version) == ({"acci.personal": value}, 2)
    assert compact(connection, catalogue, Tags, keep=0).dropped == 2
    assert audit(connection, catalogue, all_checks(catalogue)["snapshots"], "", Extent()).found == ()
