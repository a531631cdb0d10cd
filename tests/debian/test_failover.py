"""Failover: the primary is killed while commands are sent, and its synchronous standby promoted."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from acci import Application, acting_as
from acci.domain.commands import CommandData
from acci.domain.errors import AcciError
from acci.store.application.handled import Handled
from acci.store.log import high_water
from acci.store.postgres.database import connect
from acci.store.postgres.migrations import migrate
from acci.store.projecting.following import follow
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.domains.bank.ledger import audited
from tests.domains.ledger import CONTEXT, TENANT, Account, Open, Pay
from tests.support.clusters import OF_DEBIAN, Cluster
from tests.support.histories import value
from tests.support.prefect_server import wait_for
from tests.support.shell import acci

LEDGER = Catalogue((CONTEXT,))
CLIENTS, BEFORE, AFTER = 4, 100, 100  # commands acknowledged before the kill, and after it at least


@dataclass(frozen=True)
class Servers:
    """A primary, and a standby that confirms each commit."""

    primary: Cluster
    standby: Cluster

    @property
    def url(self) -> str:
        """Of whichever is the primary now."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://acci@{hosts}/acci?target_session_attrs=read-write"


@dataclass
class Client:
    """Sends commands to one account, each with its key until it is acknowledged."""

    url: str
    account: str
    acknowledged: list[tuple[UUID, CommandData, Handled]] = field(default_factory=list)

    def send_until(self, stop: threading.Event) -> None:
        with Application(self.url, [CONTEXT]) as app, acting_as(tenant_id=TENANT, user_id="clerk"):
            while not stop.is_set():
                key, pay = uuid4(), Pay(account=self.account, amount=Decimal(1))
                wanted: CommandData = pay if self.acknowledged else Open(account=self.account, holder="Ann Lee")
                self.acknowledged.append((key, wanted, self._heard(app, wanted, key)))

    def _heard(self, app: Application, wanted: CommandData, key: UUID) -> Handled:
        while True:
            try:
                return app.send(wanted, idempotency_key=key)
            except AcciError as error:
                if not error.transient:
                    raise


@pytest.fixture(params=["on", "remote_apply"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    assert OF_DEBIAN.exists(), "install it: apt-get install postgresql-15"
    both = Servers(Cluster(OF_DEBIAN, tmp_path / "primary"), Cluster(OF_DEBIAN, tmp_path / "standby"))
    both.primary.create()
    both.primary.start()
    try:
        with connect(both.primary.url_of("postgres"), "test") as connection:
            connection.execute("CREATE DATABASE acci")
        migrate(both.primary.url)
        with connect(both.primary.url, "test") as connection:
            build.rebuild(connection, LEDGER, LEDGER.projection("holders"))
            both.standby.create_as_standby_of(both.primary)
            both.standby.start()
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            connection.execute(f"ALTER SYSTEM SET synchronous_commit = {request.param}".encode())
            connection.execute("SELECT pg_reload_conf()")
            confirms = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            wait_for(lambda: value(connection, confirms), 30, "the standby confirms commits")
        yield both
    finally:
        both.standby.kill()
        both.primary.kill()


@contextmanager
def in_thread(thread: threading.Thread, stop: threading.Event) -> Iterator[None]:
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_no_acknowledged_command_is_lost_or_done_twice(servers: Servers) -> None:
    """And read models go on where they were, exactly once."""
    clients = [Client(servers.url, f"a{number}") for number in range(CLIENTS)]
    is_sent, is_followed = threading.Event(), threading.Event()
    follower = (servers.url, LEDGER, ["holders"], 0.05, is_followed.is_set, lambda *_: None)
    with in_thread(threading.Thread(target=follow, args=follower), is_followed):
        sending = [threading.Thread(target=each.send_until, args=(is_sent,)) for each in clients]
        for each in sending:
            each.start()
        try:
            wait_for(lambda: acknowledged(clients) >= BEFORE, 60, "commands are acknowledged")
            servers.primary.kill()
            servers.standby.promote()
            first = acknowledged(clients)
            wait_for(lambda: acknowledged(clients) >= first + AFTER, 60, "commands are acknowledged again")
        finally:
            is_sent.set()
            for each in sending:
                each.join()
        with connect(servers.url, "test") as connection:
            end = value(connection, "SELECT max(position) FROM acci.events")
            wait_for(lambda: value(connection, "SELECT checkpoint FROM acci.generations") == end, 60, "it follows")
    check_log(servers, clients)
    check_read_model(servers, clients)


def acknowledged(clients: list[Client]) -> int:
    return sum(len(client.acknowledged) for client in clients)


def check_log(servers: Servers, clients: list[Client]) -> None:
    with connect(servers.url, "test") as connection:
        rows = connection.execute(
            "SELECT position, metadata ->> 'causation_id', aggregate_id, version FROM acci.events"
        )
        stored = {UUID(cause): (position, account, version) for position, cause, account, version in rows}
        assert value(connection, "SELECT count(*) FROM acci.events") == len(stored) == acknowledged(clients)
        mark = high_water.establish(connection, 10)
        assert (mark.position, mark.standby) == (max(position for position, _, _ in stored.values()), False)
    for client in clients:
        answers = [(handled.position, client.account, handled.version) for _, _, handled in client.acknowledged]
        assert [stored[key] for key, _, _ in client.acknowledged] == answers
        assert [version for _, _, version in answers] == list(range(1, len(answers) + 1))
        assert answers == sorted(answers), "positions rise in each stream"
    with Application(servers.url, [CONTEXT]) as app, acting_as(tenant_id=TENANT, user_id="clerk"):
        for client in clients:
            for key, wanted, handled in client.acknowledged:
                assert app.send(wanted, idempotency_key=key).events == handled.events, "sent again, it is the same"
            assert app.load(Account, client.account).state.balance == len(client.acknowledged) - 1


def check_read_model(servers: Servers, clients: list[Client]) -> None:
    with connect(servers.url, "test") as connection:
        shown = Counter(row[0] for row in connection.execute("SELECT id FROM read.holders"))
        assert shown == Counter(client.account for client in clients)
        assert [each for each in audited(connection, LEDGER) if each.found] == []
    done = acci(
        "health", "--audit-hours", "1000000", ACCI_DATABASE_URL=servers.url, ACCI_CONTEXTS="tests.domains.ledger"
    )
    assert done.returncode == 0, done.stdout
