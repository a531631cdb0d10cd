"""PostgreSQL goes and comes back, under load and between commands."""

import threading
import time
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from acci.domain.errors import AcciError
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import WHOLE
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.migrations import migrate
from acci.store.postgres.refusals import is_transient
from acci.store.projecting.batches import catch_up
from acci.store.projecting.following import follow
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.domains.ledger import CONTEXT, Open, Pay, command, stream
from tests.support.doomed import Doomed, External
from tests.support.histories import value
from tests.support.read_models import CONTEXTS

CATALOGUE = load(CONTEXTS)
LEDGER = Catalogue((CONTEXT,))


def findings_of_ledger(connection: Connection) -> list[str]:
    """What a whole audit finds wrong, once the read model has caught up."""
    catch_up(connection, LEDGER, LEDGER.projection("holders"))
    made = [audit(connection, LEDGER, check, name, WHOLE) for check, name in chosen(LEDGER, [], None)]
    return [f"{each.check}: {found.problem}" for each in made for found in each.found]


def await_end(connection: Connection, following: threading.Thread) -> None:
    """Until the follower has applied the whole log: nobody else applies anything."""
    while value(connection, "SELECT checkpoint < (SELECT max(position) FROM acci.events) FROM acci.generations"):
        assert following.is_alive()
        time.sleep(0.1)


@pytest.mark.parametrize("kind", [Doomed, External])
def test_postgresql_is_killed_under_load(tmp_path: Path, kind: type[Doomed]) -> None:
    """Clients resend commands that were not acknowledged: each is handled once, no acknowledged one is lost.

    The follower gets to the log's end, however long it takes.
    """
    server = kind(tmp_path)
    try:
        url = server.start()
        port = int(url.rpartition("/")[0].rpartition(":")[2])
        migrate(url)
        acknowledged, stop, lock = [0], threading.Event(), threading.Lock()
        failed: list[BaseException] = []

        def client(account: str) -> None:
            with Database(url, 2, "append") as database:
                handler = CommandHandler(EventStore(database, LEDGER), LEDGER, tries=1)
                sent, heard = command(Open(account=account, holder="Ann")), False
                while not (stop.is_set() and heard):
                    if heard:
                        sent, heard = command(Pay(account=account, amount=Decimal(1))), False
                    try:
                        many = len(handler.handle(sent))
                    except (psycopg.OperationalError, AcciError) as error:
                        if not is_transient(error) and not isinstance(error, psycopg.OperationalError):
                            failed.append(error)
                            return
                        time.sleep(0.1)
                        continue
                    with lock:
                        acknowledged[0] += many
                    heard = True

        followed = threading.Event()
        with connect(url, "test") as connection:
            build.rebuild(connection, LEDGER, LEDGER.projection("holders"))
        clients = [threading.Thread(target=client, args=(f"a{number}",)) for number in range(4)]
        follower = (url, LEDGER, ["holders"], 0.05, followed.is_set, lambda *_: None)
        following = threading.Thread(target=follow, args=follower)
        for each in (*clients, following):
            each.start()
        for _ in range(2):
            time.sleep(1)
            server.kill()
            server.start_again(port)
        stop.set()
        for each in clients:
            each.join()
        assert failed == []
        with connect(url, "test") as connection:
            await_end(connection, following)
            followed.set()
            following.join()
            assert value(connection, "SELECT count(*) FROM acci.events") == acknowledged[0] > 4
            assert value(connection, "SELECT count(*) FROM acci.commands") == acknowledged[0]
            gaps = (
                "SELECT count(*) FROM (SELECT FROM acci.events GROUP BY aggregate_id HAVING max(version) <> count(*)) g"
            )
            assert value(connection, gaps) == 0
            assert findings_of_ledger(connection) == []
    finally:
        server.stop()


def test_a_sender_outlives_the_servers_restart(tmp_path: Path) -> None:
    """An external PostgreSQL that is stopped and started: the pool finds it again."""
    server = External(tmp_path)
    try:
        url = server.start()
        migrate(url)
        with Database(url, 2, "append") as database:
            handler = CommandHandler(EventStore(database, LEDGER), LEDGER)
            handler.handle(command(Open(account="a", holder="Ann")))
            server.stop()
            server.start(int(url.rpartition("/")[0].rpartition(":")[2]))
            sent = command(Pay(account="a", amount=Decimal(1)), uuid4())
            assert [event.version for event in handler.handle(sent)] == [2]
            assert EventStore(database, LEDGER).version(stream("a")) == 2
    finally:
        server.stop()
