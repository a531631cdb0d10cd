"""Commands decided on cached states: nothing is loaded, and no decision on an outdated state is stored."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from acci.domain.aggregates import Aggregate, decides
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.errors import Refused
from acci.domain.events import EventData
from acci.store.aggregates.loading import Loaded
from acci.store.aggregates.repository import Repository
from acci.store.commands.handler import CommandHandler
from acci.store.commands.state_cache import Cached, StateCache
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused
from acci.store.postgres.database import Connection, Database
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Account, Open, Pay, PayTwice, command, stream
from tests.domains.people import Person
from tests.support.histories import cut_log

CATALOGUE = Catalogue((CONTEXT,))


class Counting(EventStore):
    """Counts what is loaded."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        super().__init__(database, catalogue)
        self.database = database
        self.loads = 0


@pytest.fixture
def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    load = Repository.load

    def counted(self: Repository, *args: Any, **kwargs: Any) -> Any:
        self.events.loads += 1  # type: ignore[attr-defined]
        return load(self, *args, **kwargs)

    monkeypatch.setattr(Repository, "load", counted)
    with Database(database_url) as database:
        yield Counting(database, CATALOGUE)


class Counted(EventData):
    pass


class Count(CommandData):
    aggregate_id_field: ClassVar[str] = "tally"

    tally: str


class Tally(Aggregate):
    """Counts, without having to be opened."""

    @decides(Count)
    def count(self, _command: Command[Count]) -> Counted:
        return Counted()


def pay(amount: int) -> Any:
    return command(Pay(account="a", amount=Decimal(amount)))


def test_a_recently_handled_aggregate_is_not_loaded_again(store: Counting) -> None:
    handler = CommandHandler(store, CATALOGUE)
    handler.handle(command(Open(account="a", holder="Ann")))
    assert [handler.handle(pay(5))[0].version for _ in range(3)] == [2, 3, 4]
    assert store.loads == 1
    assert Repository(store).load(Account, stream("a")).snapshot_version == 3, (
        "a snapshot is due as if it had been loaded"
    )
    CommandHandler(store, CATALOGUE, recent=0).handle(pay(5))
    assert handler.handle(pay(5))[0].version == 6, "somebody else had moved it on"


def test_events_of_another_process_are_noticed(store: Counting) -> None:
    one, other = (CommandHandler(store, CATALOGUE, attempts=1) for _ in range(2))
    one.handle(command(Open(account="a", holder="Ann")))
    other.handle(pay(5))
    spent = pay(-5)
    assert len(one.handle(spent)) == 1, "one remembers an empty account, from which nothing can be paid"
    with pytest.raises(Refused):
        other.handle(pay(-5))  # it remembers the five
    assert other.handle(spent) == one.handle(spent) != ()
    assert (other.handle(pay(0)), store.version(stream("a"))) == ((), 3)


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_cached_state_that_a_restore_lost_is_not_used(
    store: Counting, connection: Connection, lost: int, at_once: bool
) -> None:
    """After a restore others appended up to the same version and positions that were cached."""
    one, other = (CommandHandler(store, CATALOGUE, attempts=2) for _ in range(2))
    one.handle(command(Open(account="a", holder="Ann")))
    for paid in [command(PayTwice(account="a", amount=Decimal(50)))] if at_once else [pay(50), pay(50)]:
        one.handle(paid)
    cut_log(connection, 3 - lost)
    connection.execute("DELETE FROM acci.snapshots")
    for _ in range(lost):
        other.handle(pay(1))
    with pytest.raises(Refused):
        one.handle(pay(-100))
    assert one.handle(command(PayTwice(account="a", amount=Decimal(1))))[0].version == 4


def test_a_used_id_is_noticed_without_loading_first(store: Counting) -> None:
    handler = CommandHandler(store, CATALOGUE, attempts=1)
    handler.handle(command(Open(account="a", holder="Ann")))
    first = pay(5)
    led_to = handler.handle(first)
    assert handler.handle(first) == led_to
    handler.handle(pay(1))
    with pytest.raises(CommandReused):
        handler.handle(command(pay(7).data, first.id))
    assert Repository(store).load(Account, stream("a")).state.balance == 6


def test_a_command_that_begins_aggregates_loads_none(store: Counting) -> None:
    handler = CommandHandler(store, CATALOGUE, attempts=1)
    opened = [command(Open(account=name, holder="Ann")) for name in "abc"]
    led_to = [handler.handle(each) for each in opened]
    assert ([each[0].version for each in led_to], store.loads) == ([1, 1, 1], 1)
    for _ in range(2):
        assert [handler.handle(each) for each in opened] == led_to, "sent again"
    with pytest.raises(CommandReused):
        handler.handle(command(Open(account="d", holder="Ann"), opened[0].id))
    with pytest.raises(Refused):
        handler.handle(command(Open(account="a", holder="Bob")))
    assert handler.handle(command(Open(account="d", holder="Ann")))[0].version == 1
    CommandHandler(store, CATALOGUE).handle(command(Open(account="e", holder="Ann")))
    loads = store.loads
    with pytest.raises(Refused):
        handler.handle(command(Open(account="e", holder="Bob")))
    assert store.loads == loads + 1, "somebody else had begun it: that was found out by loading it"


def test_whether_a_command_begins_aggregates_is_learned_from_the_last_one(store: Counting) -> None:
    catalogue = Catalogue((Context("tallies", Path(__file__), aggregates=(Tally,), events=(Counted,)),))
    store = Counting(store.database, catalogue)
    one, other = (CommandHandler(store, catalogue, attempts=1) for _ in range(2))
    one.handle(command(Count(tally="a")))
    for name in "bc":
        other.handle(command(Count(tally=name)))
    assert [one.handle(command(Count(tally=name)))[0].version for name in "bc"] == [2, 2]
    assert [each.position for each in store.read_all()] == [1, 2, 3, 5, 6], "one guess was wrong, not two"


def test_a_wrong_guess_is_not_made_again(store: Counting) -> None:
    """Each would leave a hole among the positions, and a dead row."""
    handler = CommandHandler(store, CATALOGUE, attempts=1)
    first = command(Open(account="a", holder="Ann"))
    led_to = handler.handle(first)
    for _ in range(3):
        assert handler.handle(first) == led_to
        with pytest.raises(Refused):
            handler.handle(command(Open(account="a", holder="Bob")))
    assert handler.handle(pay(5))[0].position == led_to[0].position + 2, "one guess was wrong"


def test_without_a_cache_every_aggregate_is_loaded(store: Counting) -> None:
    handler = CommandHandler(store, CATALOGUE, recent=0)
    for name in "abc":
        handler.handle(command(Open(account=name, holder="Ann")))
    assert store.loads == 3


def test_the_cache_is_bounded_and_has_no_personal_data() -> None:
    recent = StateCache(2)
    for name in "abac":
        recent.put(stream(name), Loaded(Account(holder=name), 1, 0))
    taken = [recent.take(stream(name), Account, "Pay") for name in "abc"]
    assert [found and found.loaded.state.holder for found in taken] == ["a", None, "c"]  # type: ignore[attr-defined]
    assert recent.take(stream("a"), Account, "Pay") is None
    person = stream(str(uuid4()))
    recent.put(person, Loaded(Person(), 1, 0))
    assert recent.take(person, Person, "Open") is None


def test_the_cache_is_updated_by_one_thread_at_a_time() -> None:
    recent = StateCache(2)
    with ThreadPoolExecutor(1) as threads:
        with recent._lock:
            learning = threads.submit(recent.learn, "Open", 0)
            with pytest.raises(TimeoutError):
                learning.result(timeout=0.2)
            assert not recent._beginnings
        learning.result(timeout=30)
    assert recent.take(stream("a"), Account, "Open") == Cached(Loaded(Account(), 0, 0), hot=False)
