"""History: who did what, when and why, and what difference it made; for people and as data."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from acci.domain.events import StreamId
from acci.store.aggregates.history import Change, history, history_of_correlation
from acci.store.aggregates.repository import Repository
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.log.schema_check import stored_shapes
from acci.store.postgres.database import Database, connect
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, TENANT, Open, Pay, command, stream
from tests.support.shell import acci, refusal

CATALOGUE = Catalogue((CONTEXT,))
INSERT = """
    INSERT INTO acci.events (timestamp, id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (now(), gen_random_uuid(), %s, %s, 'acme', %s, 'a', %s, '{"cents": 1}', '{"correlation_id": "odd"}')
"""


@pytest.fixture
def store(database: Database) -> EventStore:
    store = EventStore(database, CATALOGUE)
    handler = CommandHandler(store, CATALOGUE)
    for data, correlation in (
        (Open(account="a", holder="Ann Berg"), "signing up"),
        (Open(account="b", holder="Bob"), "signing up"),
        (Pay(account="a", amount=Decimal("5.00")), "first payment"),
        (Pay(account="b", amount=Decimal("1.00")), "a gift"),
        (Pay(account="a", amount=Decimal("-1.00")), "a gift"),
    ):
        handler.handle(command(data, correlation_id=correlation))
    return store


def differences(changes: Iterator[Change]) -> list[tuple[str, int, dict[str, Any]]]:
    return [(change.event.aggregate_id, change.event.version, change.difference) for change in changes]


def test_history_shows_the_difference_each_event_made(store: EventStore) -> None:
    answered = list(history(store, CATALOGUE, stream("a")))
    assert differences(iter(answered)) == [
        ("a", 1, {"open": (False, True), "holder": ("", "Ann Berg")}),
        ("a", 2, {"balance": ("0", "5.00")}),
        ("a", 3, {"balance": ("5.00", "4.00")}),
    ]
    assert [change.event.metadata.correlation_id for change in answered] == ["signing up", "first payment", "a gift"]
    assert {change.event.metadata.user_id for change in answered} == {"clerk"}


def test_a_part_of_a_history_shows_the_same_differences(store: EventStore) -> None:
    whole = differences(history(store, CATALOGUE, stream("a")))
    assert differences(history(store, CATALOGUE, stream("a"), after=1, to=2)) == whole[1:2]
    assert differences(history(store, CATALOGUE, stream("a"), after=8)) == []
    assert differences(history(store, CATALOGUE, stream("nobody"))) == []


def test_a_correlation_is_followed_across_aggregates(store: EventStore) -> None:
    assert differences(history_of_correlation(store, CATALOGUE, TENANT, "a gift")) == [
        ("b", 2, {"balance": ("0", "1.00")}),
        ("a", 3, {"balance": ("5.00", "4.00")}),
    ]
    assert differences(history_of_correlation(store, CATALOGUE, "other", "a gift")) == []


def test_events_outside_a_correlation_are_not_in_its_differences(
    store: EventStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = CommandHandler(store, CATALOGUE)
    for amount, correlation in ((2, "a wish"), (7, "another"), (1, "a wish"), (4, "a wish")):
        handler.handle(command(Pay(account="a", amount=Decimal(amount)), correlation_id=correlation))
    loads = []

    class Counting(Repository):
        def load(self, *args: Any, **kwargs: Any) -> Any:
            loads.append(kwargs)
            return super().load(*args, **kwargs)

    monkeypatch.setattr("acci.store.aggregates.history.Repository", Counting)
    counting = EventStore(database, CATALOGUE)
    assert differences(history_of_correlation(counting, CATALOGUE, TENANT, "a wish")) == [
        ("a", 4, {"balance": ("4.00", "6.00")}),
        ("a", 6, {"balance": ("13.00", "14.00")}),
        ("a", 7, {"balance": ("14.00", "18.00")}),
    ]
    assert loads == [{"to_version": 3}, {"to_version": 5}], "what follows at once needs no loading"


def test_an_unknown_difference_has_a_remark_and_stops_nothing(store: EventStore, database_url: str) -> None:
    with connect(database_url, "test") as connection:
        connection.execute(INSERT, (4, 1, "Account", "Forgotten"))
        connection.execute(INSERT, (5, 1, "Account", "Paid"))
        connection.execute(INSERT, (6, 9, "Account", "Paid"))
        connection.execute(INSERT, (7, 1, "Account", "Paid"))
        connection.execute(INSERT, (1, 1, "Unheard", "Paid"))
    answered = list(history(store, CATALOGUE, stream("a"), after=3))
    assert [(change.difference, change.remark) for change in answered] == [
        ({}, "Its payload cannot be read: no event type Forgotten is registered."),
        ({}, "Its payload cannot be read: no event type Forgotten is registered."),
        ({}, "Its payload cannot be read: its schema version is 9, and this code knows 2 at most."),
        ({}, "Its payload cannot be read: its schema version is 9, and this code knows 2 at most."),
    ]
    (unheard,) = history(store, CATALOGUE, StreamId(TENANT, "Unheard", "a"))
    assert unheard.remark == "No aggregate Unheard is registered."
    across = list(history_of_correlation(store, CATALOGUE, TENANT, "odd"))
    assert [change.event.version for change in across] == [4, 5, 6, 7, 1]


def test_the_command_line_shows_a_history(store: EventStore, database_url: str) -> None:
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.ledger,acci.domain.users"}
    shown = acci("history", "a", "--tenant", TENANT, "--type", "Account", **place).stdout
    assert "Account a, version 2: Paid" in shown
    assert "by clerk" in shown
    assert "part of first payment, caused by " in shown
    assert "balance: '0' → '5.00'" in shown
    done = acci("history", "--correlation", "a gift", "--tenant", TENANT, "--json", **place)
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert [(each["aggregate_id"], each["version"]) for each in answered] == [("a", 3), ("b", 2)]
    assert answered[0]["difference"] == {"balance": {"before": "5.00", "after": "4.00"}}
    assert answered[0]["data"] == {"amount": "-1.00"}
    nothing = acci("history", "nobody", "--tenant", TENANT, "--type", "Account", **place)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "Nothing found.\n")
    neither = acci("history", "--tenant", TENANT, **place)
    assert (neither.returncode, "not both" in neither.stderr) == (2, False)
    both = acci("history", "a", "--tenant", TENANT, "--correlation", "a gift", **place)
    assert both.returncode == 2
    assert "give an aggregate's id, or --correlation, not both." in both.stderr
    assert acci("history", "a", "--tenant", TENANT, **place).stdout == shown
    with connect(database_url, "test") as connection:
        connection.execute(INSERT, (1, 1, "Box", "Opened"))
    asked = acci("history", "a", "--tenant", TENANT, **place)
    assert asked.returncode == 2
    assert "Account, Box" in asked.stderr


def test_the_command_line_shows_the_state_as_of_a_version_and_a_timestamp(store: EventStore, database_url: str) -> None:
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.ledger,acci.domain.users"}
    asked = ["aggregate", "a", "--tenant", TENANT]
    shown = acci(*asked, **place).stdout
    assert "Account a, version 3" in shown
    assert "Ann Berg" in shown
    second = list(store.read_stream(stream("a")))[1].timestamp

    def answered(*more: str) -> tuple[int, str] | None:
        done = acci(*asked, *more, "--json", **place)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return found and (found["version"], found["state"]["balance"])

    assert answered() == answered("--version", "9", "--type", "Account") == (3, "4.00")
    assert answered("--version", "2") == answered("--as-of", second.isoformat()) == (2, "5.00")
    assert answered("--as-of", (second - timedelta(days=9)).isoformat()) is None
    assert acci("aggregate", "nobody", "--tenant", TENANT, **place).stderr == "Nothing found.\n"
    assert acci("aggregate", "a", "--tenant", "other", **place).stderr == "Nothing found.\n"
    assert refusal(acci(*asked, "--as-of", "noon", **place)).startswith("'noon' is no moment with a time zone")
    assert "This option is now called --as-of." in acci(*asked, "--moment", second.isoformat(), **place).stderr
    unknown = acci(*asked, "--type", "Deposit", **place)
    assert refusal(unknown) == "There is no aggregate named 'Deposit'. Known: Account, User."


def test_the_history_of_an_unregistered_aggregate_is_shown(store: EventStore, database_url: str) -> None:
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "acci.domain.users"}
    shown = acci("history", "b", "--tenant", TENANT, **place).stdout
    assert "Account b, version 2: Paid" in shown
    assert "no event type Paid is registered" in shown
    assert json.loads(acci("history", "b", "--tenant", TENANT, "--json", **place).stdout)[0]["data"]


def test_check_schemas_lists_what_cannot_be_read_before_anything_fails(store: EventStore, database_url: str) -> None:
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.ledger"}
    fine = acci("check-schemas", **place)
    assert fine.returncode == 0, fine.stderr
    with connect(database_url, "test") as connection:
        connection.execute(INSERT, (4, 1, "Account", "Forgotten"))
        connection.execute(INSERT, (5, 1, "Account", "Paid"))
        connection.execute(INSERT, (6, 9, "Account", "Paid"))
    done = acci("check-schemas", "--json", **place)
    assert done.returncode == 1
    found = {(each["event_type"], each["schema_version"]): each for each in json.loads(done.stdout)}
    assert {shape: each["problem"] for shape, each in found.items()} == {
        ("Forgotten", 1): "no event type Forgotten is registered.",
        ("Opened", 4): None,
        ("Paid", 1): None,
        ("Paid", 2): None,
        ("Paid", 9): "its schema version is 9, and this code knows 2 at most.",
    }
    assert (found["Paid", 2]["events"], found["Paid", 2]["first_position"]) == (3, 3)
    said = acci("check-schemas", **place).stdout
    assert "no: its schema version is 9" in said
    advice = " ".join(said.split())
    assert "raise the event's schema_version and declare an upcaster" in advice
    assert "say `formerly` in it" in advice
    assert "upcaster" not in fine.stdout

    old_name = acci("coverage", "--json", **place)
    assert (old_name.returncode, old_name.stdout) == (1, done.stdout)
    assert old_name.stderr == "acci: `acci coverage` is now called `acci check-schemas`.\n"
    assert " coverage " not in acci("--help").stdout


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_check_schemas_tries_the_first_and_last_event_of_each_shape(database_url: str, bad: int) -> None:
    """That one between them cannot be read is for the audit."""
    with connect(database_url, "test") as connection:
        for version in range(3):
            payload = '{"cents": "many"}' if version == bad else '{"cents": 1}'
            connection.execute(INSERT.replace('{"cents": 1}', payload).encode(), (version + 1, 1, "Account", "Paid"))
        (shape,) = stored_shapes(connection, CATALOGUE)
    assert (shape.events, shape.first_position, shape.last_position) == (3, 1, 3)
    assert (shape.problem is None) == (bad == 1)


def test_former_options_of_history_name_the_new_ones(database_url: str) -> None:
    asked = ["history", "a", "--tenant", TENANT]
    assert "give --after 2" in acci(*asked, "--from-version", "3", ACCI_DATABASE_URL=database_url).stderr
    assert "give --to 4" in acci(*asked, "--to-version", "4", ACCI_DATABASE_URL=database_url).stderr


def test_history_of_a_database_that_is_not_there_is_one_sentence() -> None:
    done = acci("history", "a", "--tenant", "t", ACCI_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert "cannot be reached" in refusal(done)


def test_only_the_newest_changes_are_read(store: EventStore, database_url: str) -> None:
    def newest(stream: StreamId, **bounds: int) -> list[Change]:
        return list(history(store, CATALOGUE, stream, **bounds, backwards=True))

    every = list(history(store, CATALOGUE, stream("a")))
    assert newest(stream("a"), limit=2) == every[:-3:-1]
    assert newest(stream("a"), limit=100) == every[::-1]
    assert newest(stream("a"), limit=1, to=2) == [every[1]]
    assert newest(stream("a"), limit=9, after=2) == [every[2]]
    assert newest(stream("nobody"), limit=9) == []
    across = list(history_of_correlation(store, CATALOGUE, TENANT, "a gift"))
    assert list(history_of_correlation(store, CATALOGUE, TENANT, "a gift", 1)) == across[:1]
    assert list(history_of_correlation(store, CATALOGUE, TENANT, "a gift", 1, backwards=True)) == across[-1:]
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.ledger"}
    asked = ["history", "a", "--tenant", TENANT, "--limit", "2"]
    answered = json.loads(acci(*asked, "--json", **place).stdout)
    assert [each["version"] for each in answered] == [3, 2]
    assert "There may be older ones" in acci(*asked, **place).stderr
