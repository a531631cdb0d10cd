"""Commands: handled once, on the newest state, also with concurrent writers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from acci.domain.commands import CommandMetadata
from acci.domain.errors import ConcurrencyError, InvalidCommand, Refused, UnknownName
from acci.store.aggregates.repository import Repository
from acci.store.commands import deciding
from acci.store.commands import handler as handling
from acci.store.commands.handler import LONGEST_PAUSE, CommandHandler
from acci.store.commands.validation import typed
from acci.store.log.append import Append
from acci.store.log.append_errors import StreamChanged
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from tests.domains.ledger import (
    CONTEXT,
    TENANT,
    Account,
    LedgerCommand,
    Open,
    Paid,
    Pay,
    PayTwice,
    command,
    event,
    stream,
)

CATALOGUE = Catalogue((CONTEXT,))


@pytest.fixture
def handler(store: EventStore) -> CommandHandler:
    return CommandHandler(store, CATALOGUE, attempts=100)


def pay(amount: int, account: str = "a", **more: Any) -> Any:
    return command(Pay(account=account, amount=Decimal(amount)), **more)


def opened(handler: CommandHandler, *accounts: str) -> None:
    for account in accounts:
        handler.handle(command(Open(account=account, holder="Ann Berg")))


def balance(store: EventStore, account: str = "a") -> int:
    return int(Repository(store).load(Account, stream(account)).state.balance)


def test_the_events_of_a_command_say_who_and_why(handler: CommandHandler, store: EventStore) -> None:
    sent = command(Open(account="a", holder="Ann Berg"), correlation_id="request-7")
    (recorded,) = handler.handle(sent)
    assert (recorded.stream, recorded.version, recorded.event_type) == (stream("a"), 1, "Opened")
    assert recorded.metadata.correlation_id == "request-7"
    assert recorded.metadata.causation_id == str(sent.id)
    assert recorded.metadata.user_id == "clerk"
    assert recorded.metadata.tenant_id == TENANT
    assert recorded.timestamp == sent.metadata.timestamp
    assert tuple(store.read_stream(stream("a"))) == (recorded,)


def test_a_command_may_lead_to_several_events_or_none(handler: CommandHandler) -> None:
    opened(handler, "a")
    twice = handler.handle(command(PayTwice(account="a", amount=Decimal(5))))
    assert [(e.version, e.data) for e in twice] == [(2, Paid(amount=Decimal(5))), (3, Paid(amount=Decimal(5)))]
    nothing = pay(0)
    assert handler.handle(nothing) == handler.handle(nothing) == ()


def test_a_refusal_says_why_and_leaves_no_trace(handler: CommandHandler, store: EventStore) -> None:
    early = pay(5)
    with pytest.raises(Refused, match="there is no account"):
        handler.handle(early)
    opened(handler, "a")
    assert len(handler.handle(early)) == 1
    assert balance(store) == 5


def test_the_same_command_again_gives_its_first_result(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a")
    first, nothing, second = pay(5), pay(0), pay(-5)
    led_to = handler.handle(first)
    handler.handle(nothing)
    handler.handle(second)
    # Decided now, each of them would lead to another result: a refusal, or an event.
    assert handler.handle(second) == handler.handle(second) != ()
    assert handler.handle(nothing) == ()
    assert handler.handle(first) == led_to
    assert handler.handle(first, expected_version=1) == led_to
    assert (store.version(stream("a")), balance(store)) == (3, 0)


def test_the_same_command_at_once_from_many_threads_happens_once(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a")
    sent, gate = pay(5), threading.Barrier(16)

    def send(_: int) -> object:
        gate.wait()
        return handler.handle(sent)

    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(send, range(16)))
    assert len(set(results)) == 1
    assert balance(store) == 5


def test_the_same_command_for_another_tenant_is_another_one(handler: CommandHandler, store: EventStore) -> None:
    same = uuid4()
    for tenant in ("acme", "other"):
        handler.handle(command(Open(account="a", holder="Ann"), same, tenant_id=tenant))
    assert (store.version(stream("a")), store.version(stream("a", "other"))) == (1, 1)


def test_an_id_used_for_another_command_is_refused(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a", "b")
    first = pay(5)
    handler.handle(first)
    for other in (pay(6), pay(5, "b"), command(PayTwice(account="a", amount=Decimal(5)))):
        with pytest.raises(CommandReused, match=str(first.id)):
            handler.handle(command(other.data, first.id))
    later = command(first.data, first.id, correlation_id="sent again", user_id="another clerk")
    assert len(handler.handle(later)) == 1
    assert (balance(store), balance(store, "b")) == (5, 0)


def test_on_a_conflict_the_aggregate_decides_again(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a")
    handler.handle(pay(10))
    gate = threading.Barrier(15)

    def send(_: int) -> str:
        gate.wait()
        try:
            handler.handle(pay(-1))
        except Refused:
            return "refused"
        return "paid"

    with ThreadPoolExecutor(15) as threads:
        results = list(threads.map(send, range(15)))
    # The loser decided again on the winner's state: ten could be paid, and no more.
    assert (results.count("paid"), results.count("refused")) == (10, 5)
    assert (balance(store), store.version(stream("a"))) == (0, 12)


def test_conflicts_without_end_are_given_up(
    store: EventStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = CommandHandler(store, CATALOGUE, attempts=3)
    opened(handler, "a")
    decisions = []

    class Meddling(Repository):
        def load(self, *args: Any, **kwargs: Any) -> Any:
            loaded = super().load(*args, **kwargs)
            decisions.append(loaded.version)
            store.append(stream("a"), loaded.version, [event(Paid(amount=Decimal(1)), loaded.version + 1)])
            return loaded

    monkeypatch.setattr(deciding, "Repository", Meddling)
    with Database(database_url, size=1) as database:
        with pytest.raises(ConcurrencyError):
            CommandHandler(EventStore(database, CATALOGUE), CATALOGUE, attempts=3).handle(pay(5))
        assert decisions == [1, 2, 3]
        with pytest.raises(ConcurrencyError) as once:
            CommandHandler(EventStore(database, CATALOGUE), CATALOGUE, attempts=9).handle(pay(5), expected_version=4)
        assert (once.value.args, decisions[3:]) == (("a", 4, 5), [4, 5])


def test_after_a_conflict_the_pause_is_random_grows_and_is_bounded(
    store: EventStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[float, float]] = []
    slept: list[float] = []

    def uniform(least: float, most: float) -> float:
        drawn.append((least, most))
        return most * 0.75

    monkeypatch.setattr(handling, "random", SimpleNamespace(uniform=uniform))
    monkeypatch.setattr(handling, "time", SimpleNamespace(sleep=slept.append))

    class Unlucky(EventStore):
        """What it is to store meets a conflict, or a connection that is lost."""

        meets: Exception = ConcurrencyError("a", 1, 2)

        def commit(self, *_: Any) -> Any:
            raise self.meets

    unlucky = Unlucky(database, CATALOGUE)
    opened(CommandHandler(store, CATALOGUE), "a")
    with pytest.raises(ConcurrencyError):
        CommandHandler(unlucky, CATALOGUE, attempts=9).handle(pay(5))
    assert [most for _, most in drawn] == [0.004, 0.008, 0.016, 0.032, 0.064, *[LONGEST_PAUSE] * 3]
    unlucky.meets = psycopg.OperationalError("lost")
    with pytest.raises(psycopg.OperationalError):
        CommandHandler(unlucky, CATALOGUE, tries=4).handle(pay(5))
    assert [most for _, most in drawn[8:]] == [0.008, 0.032, LONGEST_PAUSE]
    assert {least for least, _ in drawn} == {0}
    assert slept == [most * 0.75 for _, most in drawn]


def test_an_expected_version_is_met_or_fails_at_once(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a")
    assert len(handler.handle(pay(5), expected_version=1)) == 1
    for expected in (0, 1, 7):
        with pytest.raises(ConcurrencyError) as conflict:
            handler.handle(pay(5), expected_version=expected)
        assert conflict.value.args == ("a", expected, 2)
    with pytest.raises(ConcurrencyError):
        handler.handle(pay(0), expected_version=1)
    assert store.version(stream("a")) == 2


class Stray(LedgerCommand):
    pass


def test_an_invalid_command_is_refused_before_loading() -> None:
    metadata = CommandMetadata(**{**command(Open(account="a", holder="x")).metadata.model_dump(), "tenant_id": "t"})
    with Database("postgresql://nobody@127.0.0.1:1/none") as nowhere:
        handler = CommandHandler(EventStore(nowhere, CATALOGUE), CATALOGUE)
        found = {
            "account: is empty": command(Open(account="", holder="x")),
            "account: is 501 bytes long; the limit is 500": command(Open(account="x" * 501, holder="x")),
            "account: holds a NUL": command(Open(account="x\0", holder="x")),
            "holder: holds a NUL": command(Open(account="x", holder=r"\u0000" + "\0")),
            "metadata.tenant_id: is empty": command(Open(account="x", holder="x"), tenant_id=""),
            "metadata.user_id: is empty": command(Open(account="x", holder="x"), user_id=" "),
            "metadata.correlation_id: is empty": command(Open(account="x", holder="x"), correlation_id=" "),
            "metadata.user_id: holds a NUL": command(Open(account="x", holder="x"), user_id="\0"),
            "metadata.correlation_id: holds a NUL": command(Open(account="x", holder="x"), correlation_id="\0"),
        }
        for said, sent in found.items():
            with pytest.raises(InvalidCommand) as refused:
                handler.handle(sent)
            assert said in str(refused.value)
        with pytest.raises(UnknownName, match="no command named 'Stray'"):
            handler.handle(command(Stray(account="a")))
    with pytest.raises(InvalidCommand) as untyped:
        typed(CATALOGUE, "Pay", {"amount": "much", "acount": "a"}, metadata)
    assert [field for field, _ in untyped.value.problems] == ["account", "amount", "acount"]
    with pytest.raises(UnknownName):
        typed(CATALOGUE, "Bay", {}, metadata)


def test_an_escaped_backslash_is_no_nul(handler: CommandHandler) -> None:
    assert handler.handle(command(Open(account="a", holder=r"\u0000")))


def test_commands_together_are_atomic(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a", "b")
    handler.handle(pay(10))
    transfer = [pay(-7), pay(7, "b")]
    out, into = handler.handle_together(transfer)
    assert (out[0].aggregate_id, into[0].aggregate_id) == ("a", "b")
    assert out[0].position < into[0].position
    assert handler.handle_together(transfer) == (out, into)
    with pytest.raises(Refused):
        handler.handle_together([pay(100, "b"), pay(-7)])
    assert (balance(store), balance(store, "b")) == (3, 7)


def test_commands_together_see_what_those_before_them_did(handler: CommandHandler, store: EventStore) -> None:
    results = handler.handle_together(
        [command(Open(account="a", holder="Ann")), pay(5), pay(0), pay(-5), command(Open(account="b", holder="Bob"))]
    )
    assert [[e.version for e in result] for result in results] == [[1], [2], [], [3], [1]]
    assert balance(store) == 0
    assert handler.handle_together([]) == ()


def test_the_same_command_twice_together_happens_once(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a")
    twice = pay(5)
    first, other, again = handler.handle_together([twice, pay(1), twice])
    assert first == again != other
    assert balance(store) == 6
    with pytest.raises(CommandReused):
        handler.handle_together([new := pay(2), command(pay(3).data, new.id)])
    assert balance(store) == 6


def test_a_stream_that_was_only_read_must_be_unchanged(handler: CommandHandler, store: EventStore) -> None:
    opened(handler, "a", "b")
    assert handler.handle_together([pay(1)], unchanged={stream("b"): 1, stream("nobody"): 0})
    for wrong in ({stream("b"): 0}, {stream("b"): 2}, {stream("nobody"): 1}):
        with pytest.raises(StreamChanged):
            handler.handle_together([pay(1)], unchanged=wrong)
    with pytest.raises(ConcurrencyError):
        handler.handle_together([pay(1)], unchanged={stream("a"): 1})
    assert handler.handle_together([pay(1)], unchanged={stream("a"): 2, stream("b"): 1})
    assert handler.handle_together([pay(0)], unchanged={stream("a"): 3})
    assert balance(store) == 2


def test_write_skew_between_two_commands_is_prevented(handler: CommandHandler, store: EventStore) -> None:
    """Both accounts together must not pay out twice: each pays only if the other has not."""
    for turn in range(12):
        first, second = f"first {turn}", f"second {turn}"
        opened(handler, first, second)
        gate = threading.Barrier(2)

        def withdraw(own: str, other: str, gate: threading.Barrier = gate) -> str:
            gate.wait()
            try:
                handler.handle_together([pay(1, own)], unchanged={stream(other): 1})
            except StreamChanged:
                return "changed"
            return "paid"

        with ThreadPoolExecutor(2) as threads:
            results = list(threads.map(withdraw, (first, second), (second, first)))
        assert sorted(results) == ["changed", "paid"]


def test_transfers_in_both_directions_neither_lose_money_nor_deadlock(
    handler: CommandHandler, store: EventStore
) -> None:
    accounts = ["a", "b", "c"]
    opened(handler, *accounts)
    for account in accounts:
        handler.handle(pay(100, account))

    def transfer(number: int) -> None:
        source, target = accounts[number % 3], accounts[(number + 1 + number // 3 % 2) % 3]
        handler.handle_together([pay(-1, source), pay(1, target)])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(transfer, range(60)))
    assert sum(balance(store, account) for account in accounts) == 300
    assert sum(store.version(stream(account)) for account in accounts) == 6 + 120


def test_contradicting_expected_versions_are_a_conflict(
    store: EventStore,
) -> None:
    store.append(stream("a"), 0, [event(Paid(amount=Decimal(1)), version) for version in (1, 2, 3)])
    for expected, unchanged, kind, told in (
        (1, 3, ConcurrencyError, ("a", 1, 3)),
        (3, 1, StreamChanged, ("a", 1, 3)),
        (1, 2, StreamChanged, ("a", 2, 3)),
        (7, 3, ConcurrencyError, ("a", 7, 3)),
    ):
        append = Append(stream("a"), expected, [event(Paid(amount=Decimal(1)), expected + 1)])
        with pytest.raises(ConcurrencyError) as conflict:
            store.commit([append], {stream("a"): unchanged})
        assert (type(conflict.value), conflict.value.args) == (kind, told)
    assert store.version(stream("a")) == 3


def test_a_unit_of_work_of_appends(store: EventStore) -> None:
    one = Append(stream("a"), 0, [event(Paid(amount=Decimal(1)), 1)])
    other = Append(stream("b"), 0, [event(Paid(amount=Decimal(2)), 1, "b")])
    wrong = Append(stream("c"), 3, [event(Paid(amount=Decimal(2)), 4, "c")])
    for appends in ([one, wrong], [wrong, one]):
        with pytest.raises(ConcurrencyError) as conflict:
            store.commit(appends)
        assert conflict.value.args == ("c", 3, 0)
    assert [e.stream for (e,) in store.commit([one, other])] == [stream("a"), stream("b")]
    with pytest.raises(ConcurrencyError) as conflict:
        store.commit([Append(stream("c"), 0, [event(Paid(amount=Decimal(2)), 1, "c")]), other])
    assert conflict.value.args == ("b", 0, 1)
    assert store.commit([], {stream("a"): 1}) == ()
    with pytest.raises(StreamChanged):
        store.commit([], {stream("a"): 2})
    assert store.version(stream("c")) == 0


def test_a_pool_of_one_connection_survives_every_refusal(database_url: str) -> None:
    with Database(database_url, size=1) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        opened(handler, "a")
        for _ in range(3):
            with pytest.raises(Refused):
                handler.handle(pay(-5))
            with pytest.raises(ConcurrencyError):
                handler.handle(pay(5), expected_version=9)
            with pytest.raises(StreamChanged):
                handler.handle_together([pay(5)], unchanged={stream("b"): 4})
        assert handler.handle(pay(5))
        with database.connection() as connection:
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
