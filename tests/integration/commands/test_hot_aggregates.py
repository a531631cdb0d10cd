"""Hot aggregates: many concurrent commands to one, from this and other processes; all succeed."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from acci.domain.commands import Command, CommandData
from acci.domain.errors import Refused
from acci.domain.events import StreamId
from acci.store.aggregates.repository import Repository
from acci.store.commands import state_cache
from acci.store.commands.handler import CommandHandler
from acci.store.commands.queues import Queues
from acci.store.commands.state_cache import StateCache
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Account, Open, Pay, command, stream
from tests.support.read_models import wait_until_blocked
from tests.support.shell import CHECKOUT

# Of this database alone: other tests run on the same server.
ADVISORY_LOCKS = """SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND datname = current_database()"""
CATALOGUE = Catalogue((CONTEXT,))
THREADS, EACH = 16, 20
OTHER_PROCESS = """
import sys
from decimal import Decimal
from concurrent.futures import ThreadPoolExecutor
from acci.store.registry import Catalogue
from acci.store.postgres.database import Database
from acci.store.log.event_store import EventStore
from acci.store.commands.handler import CommandHandler
from tests.domains.ledger import CONTEXT, Pay, command

url, threads, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
catalogue = Catalogue((CONTEXT,))
with Database(url) as database:
    handler = CommandHandler(EventStore(database, catalogue), catalogue)
    pay = lambda _: handler.handle(command(Pay(account="a", amount=Decimal(1))))
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(pay, range(threads * each)))
"""


@pytest.fixture
def store(database: Database) -> EventStore:
    store = EventStore(database, CATALOGUE)
    CommandHandler(store, CATALOGUE).handle(command(Open(account="a", holder="Ann")))
    return store


def pay(amount: int = 1, account: str = "a") -> Command[CommandData]:
    return command(Pay(account=account, amount=Decimal(amount)))


def at_once(act: Any, count: int) -> list[Any]:
    gate = threading.Barrier(count)

    def one(number: int) -> Any:
        gate.wait()
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def test_threads_at_one_aggregate_all_succeed_and_decide_once(database: Database, store: EventStore) -> None:
    decided: list[int] = []

    class Noting(EventStore):
        def commit(self, *args: Any) -> Any:
            decided.append(1)
            return super().commit(*args)

    handler = CommandHandler(Noting(database, CATALOGUE), CATALOGUE, attempts=1)

    def several(_: int) -> None:
        for _again in range(EACH):
            handler.handle(pay())

    at_once(several, THREADS)
    assert [Repository(store).load(Account, stream("a")).state.balance, len(decided)] == [THREADS * EACH] * 2
    assert len(handler._queues) == 0


def test_threads_that_write_several_aggregates_all_succeed(store: EventStore) -> None:
    handler = CommandHandler(store, CATALOGUE, attempts=1)
    handler.handle(command(Open(account="b", holder="Bob")))

    def transfer(number: int) -> None:
        accounts = "ab" if number % 2 else "ba"
        for _ in range(EACH):
            handler.handle_together([pay(-1, accounts[0]), pay(1, accounts[1])])

    handler.handle_together([pay(1000), pay(1000, "b")])
    at_once(transfer, 8)
    balances = [Repository(store).load(Account, stream(name)).state.balance for name in "ab"]
    assert balances == [1000, 1000]
    assert len(handler._queues) == 0


@pytest.mark.parametrize(("processes", "threads"), [(4, 1), (2, 8)])
def test_several_processes_at_one_aggregate_all_succeed(
    store: EventStore, database_url: str, processes: int, threads: int
) -> None:
    arguments = [sys.executable, "-W", "error", "-c", OTHER_PROCESS, database_url, str(threads), str(60 // threads)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    started = [subprocess.Popen(arguments, cwd=CHECKOUT, text=True, **pipes) for _ in range(processes)]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    ended = [(each.communicate(timeout=150)[1], each.returncode) for each in started]
    assert ended == [("", 0)] * processes
    assert Repository(store).load(Account, stream("a")).state.balance == processes * threads * (60 // threads)


def test_a_command_on_a_cached_state_waits_for_the_stream_lock(
    store: EventStore, database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with a cached hot aggregate would otherwise always be faster than the others."""
    handler = CommandHandler(store, CATALOGUE)
    name = stream("a")
    handler.handle(pay())
    with connect(database_url, "other process") as other, ThreadPoolExecutor(1) as threads:
        other.execute("BEGIN")
        parts: dict[str, Any] = {f"{part}s": [value] for part, value in name._asdict().items()}
        other.execute(sql("log/streams:lock"), parts | {"written": [True]})
        monkeypatch.setattr(state_cache, "HOT", float("inf"))
        paying = threads.submit(handler.handle, pay())
        _wait_for_a_queue(connection)
        assert not paying.done()
        assert store.version(name) == 2
        other.execute("COMMIT")
        assert paying.result(timeout=30)[0].version == 3


def test_a_command_goes_on_without_the_lock_after_the_timeout(
    store: EventStore, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acci.store.log.stream_locks.WAIT_MILLISECONDS", 50)
    name = stream("a")
    with store.in_turn([name]) as first:
        assert first.version(name) == 1
        with store.in_turn([name]) as second:
            assert second.version(name) == 1
            assert CommandHandler(second, CATALOGUE).handle(pay())[0].version == 2
        assert first.version(name) == 2
    assert connection.execute(ADVISORY_LOCKS).fetchone() == (0,)


def test_a_refusal_under_a_stream_lock_leaves_no_open_transaction(database_url: str) -> None:
    with Database(database_url, size=1) as database:
        store = EventStore(database, CATALOGUE)
        handler = CommandHandler(store, CATALOGUE)
        handler.handle(command(Open(account="a", holder="Ann")))
        for together in (False, True):
            handler._queues.note_contention([stream("a")])
            with pytest.raises(Refused):
                handler.handle_together([pay(-1), pay(-1)]) if together else handler.handle(pay(-1))
            handler._queues.note_contention([stream("a")])
            handler.handle_together([pay(1)])
        with database.connection() as connection:
            assert connection.execute(ADVISORY_LOCKS).fetchone() == (0,)


@contextmanager
def turn(queues: Queues, streams: list[StreamId]) -> Iterator[None]:
    had = queues.enter(streams).streams
    try:
        yield
    finally:
        queues.leave(had)


def test_queued_commands_run_in_order_until_the_timeout() -> None:
    queues, name, order = Queues(timeout=0.05), stream("a"), []
    with turn(queues, [name, name]):
        with turn(queues, [name]):
            assert len(queues) == 1, "it went on without"
        assert len(queues) == 1
    assert len(queues) == 0
    queues = Queues()

    def wait(number: int) -> None:
        with turn(queues, [name]):
            order.append(number)

    with ThreadPoolExecutor(5) as threads, turn(queues, [name]):
        for number in range(5):
            threads.submit(wait, number)
            while len(queues._waiting[name]) <= number:
                pass
    assert (order, len(queues)) == ([0, 1, 2, 3, 4], 0)


def test_an_interrupted_waiter_blocks_no_other() -> None:
    queues, name = Queues(), stream("a")

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, press)
    try:
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(queues.enter, [name]).result().streams
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt), turn(queues, [stream("0"), name]):
                pytest.fail("it is another one's turn")
            queues.leave([name])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(queues) == 0


def test_a_process_that_is_forked_off_has_locks_of_its_own() -> None:
    queues, recent = Queues(), StateCache(2)
    with turn(queues, [stream("a")]), recent._lock, queues._guard:
        child = os.fork()
        if child == 0:
            free = recent._lock.acquire(blocking=False) and queues._guard.acquire(blocking=False) and not len(queues)
            os._exit(0 if free else 1)
    assert os.waitpid(child, 0)[1] == 0


def _wait_for_a_queue(connection: Connection) -> None:
    query = (  # of this database: tests of other processes wait on the same server
        "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )
    while (row := connection.execute(query).fetchone()) is None:
        pass
    wait_until_blocked(connection, row[0])
