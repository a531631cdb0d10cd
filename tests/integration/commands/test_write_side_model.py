"""The write side against a model: random commands, conflicts, retries and crashes find no difference.

The model is a list of events for each account and what each handled command led to; the rest follows from it.
ACCI_TEST_CASES says how many runs of commands to try (40 unless set).
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count, cycle
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from acci.domain.commands import Command
from acci.domain.errors import ConcurrencyError, Refused
from acci.domain.events import EventData
from acci.store.aggregates.repository import Repository
from acci.store.commands.handler import CommandHandler
from acci.store.log.append import Recorded
from acci.store.log.append_errors import StreamChanged
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Account, LedgerCommand, Open, Pay, PayTwice, command, stream
from tests.support.cutting import CuttingProxy

CASES = int(os.environ.get("ACCI_TEST_CASES", "40"))
CATALOGUE = Catalogue((CONTEXT,))
TENANTS = count(1)

accounts = st.sampled_from("abc")
amounts = st.integers(-5, 5).map(Decimal)
payments = st.builds(Pay, account=accounts, amount=amounts) | st.builds(PayTwice, account=accounts, amount=amounts)
wishes: st.SearchStrategy[LedgerCommand] = st.one_of(
    st.builds(Open, account=accounts, holder=st.sampled_from(["Ann Berg", "Bob"])), payments, payments
)
Sent = Command[Any]


@dataclass
class Model:
    """What there must be: each account's (kind, amount) events in order, and what each handled command led to."""

    events: dict[str, list[Decimal | None]] = field(default_factory=lambda: {"a": [], "b": [], "c": []})
    handled: dict[Any, tuple[Recorded, ...]] = field(default_factory=dict)

    def balance(self, account: str) -> Decimal:
        return sum((amount or Decimal(0) for amount in self.events[account]), Decimal(0))

    def decision(self, wish: LedgerCommand) -> list[Decimal | None] | None:
        """What happens: None opens, a number is paid; no list at all is a refusal."""
        is_open = bool(self.events[wish.account])
        if isinstance(wish, Open):
            return None if is_open else [None]
        assert isinstance(wish, Pay | PayTwice)
        times = 2 if isinstance(wish, PayTwice) else 1
        if not is_open or self.balance(wish.account) + times * wish.amount < 0:
            return None
        return [wish.amount] * times if wish.amount or times == 2 else []


class WriteSide(RuleBasedStateMachine):
    store: EventStore  # straight to the database
    proxy: CuttingProxy
    reached: Database  # through the proxy

    def __init__(self) -> None:
        super().__init__()
        self.tenant = f"tenant {next(TENANTS)}"
        self.model = Model()
        self.sent: list[Sent] = []
        # Two processes that handle commands alternately, each on a cached state that the other has changed.
        self.handlers = cycle([CommandHandler(self.store, CATALOGUE, attempts=200, recent=2) for _ in range(2)])
        self.cut_handlers = {
            tries: CommandHandler(EventStore(self.reached, CATALOGUE), CATALOGUE, tries=tries) for tries in (1, 3)
        }

    # -- what can be done ---------------------------------------------------------------------------------------------

    @rule(wish=wishes)
    def send(self, wish: LedgerCommand) -> None:
        self.expect(self.handler(), self.new(wish))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        self.expect(self.handler(), data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: self.model.handled)
    @rule(wish=wishes, data=st.data())
    def send_another_with_a_used_id(self, wish: LedgerCommand, data: st.DataObject) -> None:
        used = data.draw(st.sampled_from([sent for sent in self.sent if sent.id in self.model.handled]))
        again = command(wish, used.id, tenant_id=self.tenant)
        if wish == used.data:
            assert self.handler().handle(again) == self.model.handled[used.id]
        else:
            with pytest.raises(CommandReused):
                self.handler().handle(again)

    @rule(wish=wishes, off=st.integers(-1, 1))
    def send_with_an_expected_version(self, wish: LedgerCommand, off: int) -> None:
        sent, expected = self.new(wish), len(self.model.events[wish.account]) + off
        if off == 0:
            self.expect(self.handler(), sent, expected)
        else:
            with pytest.raises(ConcurrencyError) as conflict:
                self.handler().handle(sent, expected)
            assert conflict.value.args == (wish.account, expected, expected - off)

    @rule(wish=wishes, when=st.sampled_from(["before", "after"]))
    def lose_the_connection(self, wish: LedgerCommand, when: Any) -> None:
        """The handler tries again by itself."""
        with self.cut(when) as handler:
            self.expect(handler, self.new(wish))

    @rule(wish=wishes, when=st.sampled_from(["before", "after"]))
    def crash_and_send_again(self, wish: LedgerCommand, when: Any) -> None:
        sent = self.new(wish)
        if self.model.decision(wish):  # the proxy knows an append by its events
            with self.cut(when, tries=1) as handler, pytest.raises(psycopg.OperationalError):
                handler.handle(sent)
        self.expect(self.handler(), sent)

    @rule(wishes=st.lists(wishes, min_size=1, max_size=3))
    def send_together(self, wishes: list[LedgerCommand]) -> None:
        sent = [self.new(wish) for wish in wishes]
        before = {account: list(events) for account, events in self.model.events.items()}
        decisions = []
        for wish in wishes:
            decisions.append(decision := self.model.decision(wish))
            self.model.events[wish.account] += decision or []
        if None in decisions:
            self.model.events = before
            with pytest.raises(Refused):
                self.handler().handle_together(sent)
            return
        for one, result in zip(sent, self.handler().handle_together(sent), strict=True):
            self.model.handled[one.id] = result

    @rule(wish=payments, read=accounts, off=st.integers(0, 1))
    def send_while_another_must_not_change(self, wish: LedgerCommand, read: str, off: int) -> None:
        decision, sent = self.model.decision(wish), self.new(wish)
        version = len(self.model.events[read]) + off
        unchanged = {stream(read, self.tenant): version}
        if decision is None and (off == 0 or read != wish.account):
            with pytest.raises(Refused):
                self.handler().handle_together([sent], unchanged)
        elif off:
            with pytest.raises(ConcurrencyError if read == wish.account else StreamChanged):
                self.handler().handle_together([sent], unchanged)
        else:
            (self.model.handled[sent.id],) = self.handler().handle_together([sent], unchanged)
            self.model.events[wish.account] += decision or []

    @rule(account=accounts, amounts=st.lists(st.integers(1, 5).map(Decimal), min_size=2, max_size=5))
    def pay_at_once(self, account: str, amounts: list[Decimal]) -> None:
        """Everybody twice, all at the same time: each payment happens once, in some order."""
        if not self.model.events[account]:
            return
        sent = [self.new(Pay(account=account, amount=amount)) for amount in amounts]
        with ThreadPoolExecutor(2 * len(sent)) as threads:
            results = list(threads.map(self.handler().handle, sent * 2))
        assert results[: len(sent)] == results[len(sent) :]
        order = sorted(zip(results, sent, strict=False), key=lambda pair: pair[0][0].version)
        for result, one in order:
            self.model.handled[one.id] = result
            self.model.events[account].append(one.data.amount)

    # -- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_log_is_what_the_model_says(self) -> None:
        read = list(self.store.read_all(tenant_id=self.tenant))
        caused = {str(sent): [e.id for e in result] for sent, result in self.model.handled.items() if result}
        found: dict[str, list[Any]] = {}
        for event in read:
            found.setdefault(str(event.metadata.causation_id), []).append(event.id)
        assert found == caused
        for account, expected in self.model.events.items():
            events = [event for event in read if event.aggregate_id == account]
            assert [event.version for event in events] == list(range(1, len(expected) + 1))
            assert [amount(event.data) for event in events] == expected

    @invariant()
    def an_aggregate_is_what_its_events_make(self) -> None:
        for account, events in self.model.events.items():
            loaded = Repository(self.store).load(Account, stream(account, self.tenant))
            assert (loaded.version, loaded.state.balance) == (len(events), self.model.balance(account))

    # -- how ----------------------------------------------------------------------------------------------------------

    def new(self, wish: LedgerCommand) -> Sent:
        self.sent.append(command(wish, tenant_id=self.tenant))
        return self.sent[-1]

    def handler(self) -> CommandHandler:
        return next(self.handlers)

    @contextmanager
    def cut(self, when: Any, tries: int = 3) -> Iterator[CommandHandler]:
        self.proxy.cut(when)
        yield self.cut_handlers[tries]
        self.proxy.mend()

    def expect(self, handler: CommandHandler, sent: Sent, expected_version: int | None = None) -> None:
        """What the model says of `sent` happens; and from now on it has happened."""
        if sent.id in self.model.handled:
            assert handler.handle(sent, expected_version) == self.model.handled[sent.id]
            return
        decision = self.model.decision(sent.data)
        if decision is None:
            with pytest.raises(Refused):
                handler.handle(sent, expected_version)
            return
        result = handler.handle(sent, expected_version)
        assert [amount(event.data) for event in result] == decision
        self.model.handled[sent.id] = result
        self.model.events[sent.data.account] += decision


def amount(data: EventData) -> Decimal | None:
    value: Decimal | None = getattr(data, "amount", None)
    return value


@pytest.mark.timeout(0)
def test_the_write_side_agrees_with_a_model(database_url: str) -> None:
    proxy = CuttingProxy(database_url)
    with Database(database_url, size=12) as database, Database(proxy.url, size=2) as reached:
        made = {"store": EventStore(database, CATALOGUE), "proxy": proxy, "reached": reached}
        machine = type("WriteSideHere", (WriteSide,), made)
        how = settings(max_examples=CASES, stateful_step_count=20, deadline=None)
        run_state_machine_as_test(machine, settings=settings(how, suppress_health_check=list(HealthCheck)))
    proxy.close()
