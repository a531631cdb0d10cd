"""A command is handled once although its sender got no answer: the connection is cut, or the sender killed."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database, connect
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Open, Pay, command, stream
from tests.support.cutting import CuttingProxy, When

CATALOGUE = Catalogue((CONTEXT,))
SENDER = """
import sys
from decimal import Decimal
from uuid import UUID
from acci.store.registry import Catalogue
from acci.store.postgres.database import Database
from acci.store.log.event_store import EventStore
from acci.store.commands.handler import CommandHandler
from tests.domains.ledger import CONTEXT, Pay, command
catalogue = Catalogue((CONTEXT,))
handler = CommandHandler(EventStore(Database(sys.argv[1]), catalogue), catalogue)
handler.handle(command(Pay(account="a", amount=Decimal(5)), UUID(sys.argv[2])))
print("heard", flush=True)
"""


@pytest.fixture
def proxy(database_url: str) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(database_url)
    yield proxy
    proxy.close()


@pytest.fixture
def store(database_url: str) -> Iterator[EventStore]:
    with Database(database_url, size=2) as database:
        store = EventStore(database, CATALOGUE)
        CommandHandler(store, CATALOGUE).handle(command(Open(account="a", holder="Ann")))
        yield store


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_command_is_handled_once_despite_a_lost_connection(
    store: EventStore, proxy: CuttingProxy, when: When
) -> None:
    with Database(proxy.url, size=3) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        for version in (2, 3):
            proxy.cut(when)
            (paid,) = handler.handle(command(Pay(account="a", amount=Decimal(5))))
            assert paid.version == version
        proxy.cut(when)
        transfer = [command(Open(account="b", holder="Bob")), command(Pay(account="a", amount=Decimal(1)))]
        assert [[e.version for e in result] for result in handler.handle_together(transfer)] == [[1], [4]]
    assert store.version(stream("a")) == 4


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_command_may_be_resent_after_an_error(store: EventStore, proxy: CuttingProxy, when: When) -> None:
    sent = command(Pay(account="a", amount=Decimal(5)))
    proxy.cut(when)
    with Database(proxy.url, size=1) as database, pytest.raises(psycopg.OperationalError):
        CommandHandler(EventStore(database, CATALOGUE), CATALOGUE, tries=1).handle(sent)
    assert store.version(stream("a")) == (2 if when == "after" else 1)
    (first,) = CommandHandler(store, CATALOGUE).handle(sent)
    assert CommandHandler(store, CATALOGUE).handle(sent) == (first,)
    assert store.version(stream("a")) == first.version == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_command_may_be_resent_after_the_sender_was_killed(
    store: EventStore, proxy: CuttingProxy, when: When
) -> None:
    reached, command_id = threading.Event(), uuid4()
    proxy.cut(when, reached.set)
    program = [sys.executable, "-c", SENDER, proxy.url, str(command_id)]
    with subprocess.Popen(program, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as sender:
        assert reached.wait(60)
        sender.kill()
        assert sender.communicate()[0] == b""
    assert store.version(stream("a")) == (2 if when == "after" else 1)
    sent = command(Pay(account="a", amount=Decimal(5)), command_id)
    (first,) = CommandHandler(store, CATALOGUE).handle(sent)
    assert (first.version, store.version(stream("a"))) == (2, 2)
    assert first.metadata.causation_id == str(command_id)


def test_connections_cut_by_the_server_are_replaced(store: EventStore, database_url: str) -> None:
    handler = CommandHandler(store, CATALOGUE)
    for version in range(2, 6):
        with connect(database_url, "executioner") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        (paid,) = handler.handle(command(Pay(account="a", amount=Decimal(5))))
        assert paid.version == version
