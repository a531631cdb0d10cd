"""Snapshots that say what the log does not: ahead of it, of events that were lost, or looking like something else."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import uuid4

import pytest
from pydantic import Field

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.errors import Refused
from acci.domain.events import Event, EventData, StreamId
from acci.store.aggregates.compaction import compact
from acci.store.aggregates.repository import Repository
from acci.store.aggregates.snapshots import SnapshotRefused
from acci.store.auditing.audit import all_checks, audit
from acci.store.auditing.repair import repair
from acci.store.auditing.scope import AuditScope
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, TENANT, Account, Open, Pay, command, event, stream
from tests.support.histories import cut_log

CATALOGUE = Catalogue((CONTEXT,))


def test_a_snapshot_ahead_of_the_log_is_ignored(
    store: EventStore, handler: CommandHandler, connection: Connection
) -> None:
    handler.handle(command(Open(account="a", holder="Ann")))
    handler.handle(command(Pay(account="a", amount=Decimal(5))))
    Repository(store).save_snapshot(stream("a"), 9, Account(open=True, balance=Decimal(100), holder="Eve"))
    for to_version in (None, 2, 20):
        loaded = Repository(store).load(Account, stream("a"), to_version=to_version)
        assert (loaded.version, loaded.snapshot_version, loaded.state.balance) == (2, 0, Decimal(5))
    assert CommandHandler(store, CATALOGUE).handle(command(Pay(account="a", amount=Decimal(1))))[0].version == 3


def test_loading_a_snapshot_alone_also_gives_the_newest_event_id(
    store: EventStore, handler: CommandHandler, connection: Connection
) -> None:
    """An append must follow exactly that event: after a restore another event may have its version."""
    handler.handle(command(Open(account="a", holder="Ann")))
    for _ in range(2):
        handler.handle(command(Pay(account="a", amount=Decimal(50))))
    loaded = Repository(store).load(Account, stream("a"))
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
        return self.changed(tags={event.data.key: event.data.value})


@pytest.mark.parametrize("value", ["QUJD", "A" * 80, "=", "not base64"])
def test_a_state_that_looks_encrypted_is_loaded_unchanged(
    database: Database, connection: Connection, value: str
) -> None:
    catalogue = Catalogue((Context("tags", Path(__file__).parent, events=(Tagged,), aggregates=(Tags,)),))
    tagging = EventStore(database, catalogue)
    for _ in range(2):
        sent = command(Tag(id="a", key="acci.personal", value=value))
        CommandHandler(tagging, catalogue, recent=0).handle(sent)
    loaded = Repository(tagging).load(Tags, StreamId(TENANT, "Tags", "a"))
    assert (loaded.state.tags, loaded.snapshot_version) == ({"acci.personal": value}, 2)
    assert compact(connection, catalogue, Tags, keep=0).dropped == 2
    assert audit(connection, catalogue, all_checks(catalogue)["snapshots"], None, AuditScope()).found == ()


class Spent(EventData):
    day: date
    amount: Any = 1


class Spend(CommandData):
    aggregate_id_field: ClassVar[str] = "purse"

    purse: str
    amount: int = 1


class Purse(Aggregate):
    """Has values that JSON cannot represent: dates as names, and any value in a field without a type."""

    snapshot_every: ClassVar[int | None] = 2

    spent: dict[Any, Any] = Field(default_factory=dict)
    last: Any = None

    @decides(Spend)
    def spend(self, command: Command[Spend]) -> Spent:
        day = command.metadata.timestamp.date()
        if self.spent.get(day, 0) + command.data.amount > 10:
            raise Refused("at most 10 a day.")
        return Spent(day=day, amount=command.data.amount)

    @evolves(Spent)
    def spending(self, event: Event[Spent]) -> Self:
        day = event.data.day
        if event.data.amount == 0:
            raise ArithmeticError("nothing was spent")
        spent = self.spent.get(day, 0) + event.data.amount
        return self.changed(spent=self.spent | {day: spent}, last=None if spent > 8 else VALUE[0])


VALUE: list[Any] = [None]
PURSES = Catalogue((Context("purses", Path(__file__).parent, events=(Spent,), aggregates=(Purse,)),))


def test_a_state_that_does_not_round_trip_is_not_snapshotted(
    database: Database, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    store, paid = EventStore(database, PURSES), 0
    for _ in range(8):
        try:
            CommandHandler(store, PURSES).handle(command(Spend(purse="p", amount=3)))
        except Refused:
            continue
        paid += 3
    assert paid == 9
    assert "No snapshot is taken of Purse 'p', which is loaded from its events: spent is a dict" in caplog.text
    done = compact(connection, PURSES, Purse)
    assert (done.due, done.taken, done.refusals) == (1, 0, 1)
    assert done.refused.startswith("No snapshot is taken of Purse 'p'")
    assert connection.execute("SELECT count(*) FROM acci.snapshots").fetchone() == (0,)


@pytest.mark.parametrize(
    "value",
    [date(2026, 1, 2), Decimal("1.5"), (1, 2), {1}, b"raw", uuid4(), object(), {1: 2}],
    ids=lambda value: type(value).__name__,
)
def test_values_that_json_cannot_represent_are_not_snapshotted(database: Database, value: Any) -> None:
    with pytest.raises(SnapshotRefused) as refused:
        Repository(EventStore(database, PURSES)).save_snapshot(StreamId(TENANT, "Purse", "a"), 1, Purse(last=value))
    assert refused.value.field in ("last", "its state", "last.1")


def test_an_older_snapshot_that_does_not_round_trip_is_ignored(connection: Connection, database: Database) -> None:
    """It was taken by a version that did not check round trips."""
    store = EventStore(database, PURSES)
    CommandHandler(store, PURSES).handle(command(Spend(purse="p", amount=9)))
    connection.execute(
        """INSERT INTO acci.snapshots (tenant_id, aggregate_type, aggregate_id, version, state_schema, state)
           VALUES (%s, 'Purse', 'p', 1, '1-0123456789abcdef', '{"spent": {"2026-01-02": 9}}')""",
        (TENANT,),
    )
    with pytest.raises(Refused):
        CommandHandler(store, PURSES).handle(command(Spend(purse="p", amount=3)))


def test_an_unfoldable_stream_stops_no_compaction_audit_or_repair(connection: Connection, database: Database) -> None:
    """For any exception in the code of one aggregate."""
    store = EventStore(database, PURSES)
    for purse, amounts in {"a": (1, 0, 1), "b": (0, 1), "c": (1, 1)}.items():
        happened = [
            replace(event(Spent(day=date(2026, 1, 2), amount=amount), version, purse), aggregate_type="Purse")
            for version, amount in enumerate(amounts, 1)
        ]
        store.append(StreamId(TENANT, "Purse", purse), 0, happened)
        connection.execute(
            """INSERT INTO acci.snapshots (tenant_id, aggregate_type, aggregate_id, version, state_schema, state)
               VALUES (%s, 'Purse', %s, 2, %s, '{"spent": {}}')""",
            (TENANT, purse, Purse.state_schema()),
        )
    check = all_checks(PURSES)["snapshots"]
    found = audit(connection, PURSES, check, None, AuditScope()).found
    assert [each.problem[:55] for each in found] == [
        "Its snapshots cannot be checked: version 2 cannot be fo",
        "Its snapshots cannot be checked: version 1 cannot be fo",
        "The snapshot differs from its stream's events in spent,",
    ]
    repair(connection, PURSES)
    connection.execute("DELETE FROM acci.snapshots")
    done = compact(connection, PURSES, Purse)
    assert (done.due, done.unreadable, done.refusals) == (3, 2, 1)
