"""Loading: snapshots that are never needed, an aggregate as it was, and what cannot be read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from psycopg.types.json import Jsonb

from acci.store.aggregates.loading import UnreadableEvent
from acci.store.aggregates.repository import Repository
from acci.store.commands.handler import CommandHandler
from acci.store.log.append import Append
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Account, Open, Paid, Pay, command, event, stream

CATALOGUE = Catalogue((CONTEXT,))


def run(handler: CommandHandler, payments: int) -> None:
    handler.handle(command(Open(account="a", holder="Ann Berg")))
    for _ in range(payments):
        handler.handle(command(Pay(account="a", amount=Decimal("0.50"))))


def rows(database: Database, query: str) -> list[Any]:
    with database.connection() as connection:
        return connection.execute(query).fetchall()


def test_snapshots_are_taken_as_often_as_the_aggregate_says(handler: CommandHandler, database: Database) -> None:
    run(handler, 7)
    assert rows(database, "SELECT version FROM acci.snapshots ORDER BY version") == [(3,), (6,)]


def test_an_aggregate_is_folded_from_its_snapshot_and_later_events(handler: CommandHandler, store: EventStore) -> None:
    run(handler, 7)
    loaded = Repository(store).load(Account, stream("a"))
    assert (loaded.version, loaded.snapshot_version, loaded.state) == (
        8,
        6,
        Account(open=True, holder="Ann Berg", balance=Decimal("3.50")),
    )
    assert loaded.state == Account.from_events(store.read_stream(stream("a")))
    assert Repository(store).load(Account, stream("nobody")).version == 0


def round_trips(database: Database, act: Callable[[], object], log: Path) -> int:
    """How often the only connection of the pool waits for the server meanwhile."""
    act()  # so that its statements are prepared
    with log.open("w") as file:
        with database.connection() as connection:
            connection.pgconn.trace(file.fileno())
        act()
        with database.connection() as connection:
            connection.pgconn.untrace()
    return log.read_text().count("Sync")


def test_loading_and_appending_are_one_round_trip_each(database_url: str, tmp_path: Path) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, CATALOGUE)
        handler = CommandHandler(store, CATALOGUE)
        run(handler, 4)
        accounts = map(str, count())

        def together() -> None:
            names = [next(accounts), next(accounts)]
            store.commit(
                [Append(stream(a), 0, [event(Paid(amount=Decimal(1)), 1, a)]) for a in names], {stream("a"): 5}
            )

        def append() -> None:
            name = next(accounts)
            store.append(stream(name), 0, [event(Paid(amount=Decimal(1)), v, name) for v in (1, 2, 3)])

        assert round_trips(database, lambda: Repository(store).load(Account, stream("a")), tmp_path / "load") == 1
        assert round_trips(database, append, tmp_path / "append") == 1
        assert round_trips(database, together, tmp_path / "together") == 1
        pay = lambda: handler.handle(command(Pay(account="a", amount=Decimal(0))))  # noqa: E731
        assert round_trips(database, pay, tmp_path / "command") == 2


def test_a_snapshot_that_does_not_fit_is_ignored(
    handler: CommandHandler, store: EventStore, database: Database
) -> None:
    run(handler, 7)
    truth = Repository(store).load(Account, stream("a")).state
    with database.connection() as connection:
        unfit: list[Any] = [{"balance": "much"}, {"balance": None}, [], "x"]
        for spoilt in unfit:
            connection.execute("UPDATE acci.snapshots SET state = %s", [Jsonb(spoilt)])
            loaded = Repository(store).load(Account, stream("a"))
            assert (loaded.state, loaded.version, loaded.snapshot_version) == (truth, 8, 0)
        connection.execute("UPDATE acci.snapshots SET state = '{\"balance\": \"77\"}', state_schema = 'an older one'")
    assert Repository(store).load(Account, stream("a")).state == truth


def test_a_change_of_the_state_class_invalidates_old_snapshots(handler: CommandHandler, store: EventStore) -> None:
    run(handler, 4)

    class Remembering(Account):
        payments: int = 0

        @classmethod
        def aggregate_type(cls) -> str:
            return "Account"

    class Meaning(Account):
        state_version: ClassVar[int] = 2

    assert Repository(store).load(Account, stream("a")).snapshot_version == 3
    assert Repository(store).load(Remembering, stream("a")).snapshot_version == 0
    assert Meaning.state_schema() != Account.state_schema()


def test_an_aggregate_as_of_a_version(handler: CommandHandler, store: EventStore) -> None:
    run(handler, 7)
    for version in range(9):
        loaded = Repository(store).load(Account, stream("a"), to_version=version)
        assert loaded.version == version
        assert loaded.state == Account.from_events(store.read_stream(stream("a"), to=version))
        assert loaded.snapshot_version == version // 3 * 3 if version < 8 else 6
    newest = Repository(store).load(Account, stream("a"))
    assert Repository(store).load(Account, stream("a"), to_version=2**31) == newest, "no version is so large"
    assert list(store.read_stream(stream("a"), to=2**40)) == list(store.read_stream(stream("a")))
    assert list(store.read_stream(stream("a"), after=2**40)) == []
    assert Repository(store).load(Account, stream("a"), to_version=-(2**31) - 1).version == 0


def test_an_aggregate_as_of_a_timestamp(store: EventStore) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [replace(event(Paid(amount=Decimal(v)), v), timestamp=start + timedelta(days=v)) for v in range(1, 5)]
    store.append(stream("a"), 0, days)
    Repository(store).save_snapshot(stream("a"), 4, Account(balance=Decimal(10)))
    balances = [
        Repository(store).load(Account, stream("a"), as_of=start + timedelta(days=v)).state.balance for v in range(6)
    ]
    assert balances == [0, 1, 3, 6, 10, 10]
    assert Repository(store).load(Account, stream("a"), as_of=start).version == 0


def test_as_of_a_timestamp_is_a_former_state_despite_different_clocks(store: EventStore) -> None:
    """The clock of the sender of version 2 was days ahead. Version 3 came after it, so it is left out too."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    told = [1, 9, 3, 4, 20, 10]
    paid = [event(Paid(amount=Decimal(version)), version) for version in range(1, len(told) + 1)]
    happened = [start + timedelta(days=day) for day in told]
    store.append(stream("a"), 0, [replace(e, timestamp=t) for e, t in zip(paid, happened, strict=True)])
    for day in range(22):
        moment = start + timedelta(days=day)
        versions = [each.version for each in store.read_stream(stream("a"), as_of=moment)]
        first_later = next((v for v, happened in enumerate(told, 1) if happened > day), len(told) + 1)
        assert versions == list(range(1, first_later))
        loaded = Repository(store).load(Account, stream("a"), as_of=moment)
        assert (loaded.version, loaded.state.balance) == (len(versions), Decimal(sum(versions)))
        assert [each.version for each in store.read_stream(stream("a"), 2, as_of=moment)] == versions[2:]


def test_an_aggregate_with_an_unreadable_event_refuses_commands(
    handler: CommandHandler, store: EventStore, database: Database
) -> None:
    opening = command(Open(account="a", holder="Ann Berg"))
    opened = handler.handle(opening)
    handler.handle(command(Pay(account="a", amount=Decimal("0.50"))))
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO acci.events (timestamp, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,"
            " event_type, data, metadata) VALUES"
            " (now(), gen_random_uuid(), 3, 9, 'acme', 'Account', 'a', 'Paid', '{}', '{}'),"
            " (now(), gen_random_uuid(), 4, 1, 'acme', 'Account', 'a', 'Forgotten', '{}', '{}')"
        )
    assert Repository(store).load(Account, stream("a"), to_version=2).state.balance == Decimal("0.50")
    with pytest.raises(UnreadableEvent) as refused:
        handler.handle(command(Pay(account="a", amount=Decimal(1))))
    assert refused.value.args[:3] == ("Paid", "a", 3)
    assert handler.handle(opening) == opened
    assert [e.version for e in store.read_stream(stream("a"))] == [1, 2, 3, 4]


def test_a_snapshot_that_cannot_be_taken_does_not_fail_the_command(
    handler: CommandHandler, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.connection() as connection:
        connection.execute("ALTER TABLE acci.snapshots ADD CHECK (version = 0)")
    run(handler, 3)
    assert "No snapshot of" in caplog.text
