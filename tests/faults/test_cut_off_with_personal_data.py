"""Compaction and erasure cut off at each step: nothing wrong is stored, no erased data returns, a rerun completes it.

What else runs has its places elsewhere, only reads (quality suites), or writes one statement at a time (housekeeping,
health).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from acci.domain.errors import AcciError
from acci.domain.personal import ERASED
from acci.store.aggregates.compaction import compact
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import AuditScope
from acci.store.commands.handler import CommandHandler
from acci.store.encryption.key_store import KeyStore
from acci.store.log.event_store import EventStore
from acci.store.maintenance.erasure import erase
from acci.store.postgres.database import Connection, Database, connect
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.domains.people import CONTEXT, People, Person, RegisterPerson, RenamePerson, command, stream
from tests.support.cutting import CuttingProxy, When
from tests.support.histories import value
from tests.support.prefect_server import wait_for
from tests.support.servers import SharedServer

CATALOGUE = Catalogue((CONTEXT,))
COMMIT = b"COMMIT"
SAVED, DROPPED = b"INSERT INTO acci.snapshots", b"DELETE FROM acci.snapshots"


@dataclass(frozen=True)
class Cut:
    """The statements by the last of which the connection ends, before or after it."""

    name: str
    when: When
    marks: tuple[bytes, ...]


COMPACTION = (
    Cut("snapshots are taken, not committed", "after", (SAVED,)),
    Cut("a page is committed, and nobody heard", "after", (SAVED, COMMIT)),
    Cut("superseded ones are there yet", "before", (DROPPED,)),
    Cut("superseded ones are dropped, and nobody heard", "after", (DROPPED,)),
)
ERASING = (
    Cut("the key is destroyed, nothing is re-derived", "before", (b"FOR UPDATE",)),
    Cut("rows are re-derived, not committed", "after", (b"DELETE FROM generation_",)),
    Cut("rows are re-derived, and the reply was lost", "after", (b"DELETE FROM generation_", COMMIT)),
    Cut("before the table is vacuumed", "before", (b"VACUUM",)),
    Cut("snapshots are there yet", "before", (DROPPED,)),
    Cut("snapshots are gone, findings are there yet", "before", (b"DELETE FROM acci.findings",)),
    Cut("before the final search", "before", (b"AS kept",)),
)


@pytest.fixture(scope="module")
def keys(server: SharedServer) -> Iterator[KeyStore]:
    with server.database(template="template1") as url:
        store = KeyStore(url)
        yield store
        store.close()


@pytest.fixture(scope="module")
def prepared(server: SharedServer, keys: KeyStore) -> Iterator[str]:
    """Twelve people whose snapshots are due, half of them with older ones; a key store that all tests share."""
    with server.database() as url:
        with (
            Database(url, 1, "append", keys=keys) as database,
            connect(url, "test", "administer", keys=keys) as connection,
        ):
            handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
            for number in range(12):
                person = f"p{number}"
                handler.handle(command(RegisterPerson(person=person, name=f"Zwart {number}", city="Delft")))
                if number % 2:
                    handler.handle(command(RenamePerson(person=person, name=f"Wit {number}")))
            compact(connection, CATALOGUE, Person)
            for number in range(12):
                for name in ("Rood", "Blauw", "Groen"):
                    handler.handle(command(RenamePerson(person=f"p{number}", name=f"{name} {number}")))
            connection.execute("SET ROLE NONE")
            connection.execute("DELETE FROM acci.snapshots WHERE version > 2")
            connection.execute("SET ROLE acci_administer")
            build.rebuild(connection, CATALOGUE, People)
        yield url.rpartition("/")[2]


def cut_off(url: str, keys: KeyStore, cut: Cut, work: Callable[[Connection], object]) -> None:
    proxy = CuttingProxy(url)
    proxy.cut(cut.when, marks=cut.marks)
    with (
        pytest.raises((psycopg.OperationalError, AcciError)),
        connect(proxy.url, "doomed", "administer", keys=keys) as doomed,
    ):
        work(doomed)
    assert not proxy.is_armed
    proxy.close()


def compacted(connection: Connection) -> object:
    return compact(connection, CATALOGUE, Person, streams=5)


def findings(connection: Connection, *people: str) -> list[str]:
    """What is wrong with the rows and snapshots of these people, or with anybody's."""
    extent = AuditScope(keys=tuple(("t1", person) for person in people))
    names = [
        (check, name) for check, name in chosen(CATALOGUE, ["rows", "snapshots"], None) if name in (None, "people")
    ]
    return [found.problem for check, name in names for found in audit(connection, CATALOGUE, check, name, extent).found]


@pytest.mark.parametrize("cut", COMPACTION, ids=[cut.name for cut in COMPACTION])
def test_compaction(server: SharedServer, prepared: str, keys: KeyStore, cut: Cut) -> None:
    with server.database(template=prepared) as url, connect(url, "test", keys=keys) as connection:
        cut_off(url, keys, cut, compacted)
        assert findings(connection) == [], "each snapshot that is there is what replay gives"
        compacted(connection)
        assert value(connection, "SELECT count(*) = 12 AND min(version) >= 4 FROM acci.snapshots")
        assert findings(connection) == []


@pytest.mark.parametrize("cut", ERASING, ids=[cut.name for cut in ERASING])
def test_erasing(server: SharedServer, prepared: str, keys: KeyStore, cut: Cut) -> None:
    person = f"p{ERASING.index(cut)}"  # a key is destroyed only once
    with server.database(template=prepared) as url, connect(url, "test", "administer", keys=keys) as connection:
        cut_off(url, keys, cut, lambda doomed: erase(doomed, CATALOGUE, "t1", person))
        with Database(url, 1, "append", keys=keys) as database:
            for event in EventStore(database, CATALOGUE).read_stream(stream(person)):
                assert event.data.name == ERASED  # type: ignore[attr-defined]

        def erased() -> bool:
            return not erase(connection, CATALOGUE, "t1", person).left

        wait_for(erased, 30, "the server has noticed that the connection is gone")
        query = "SELECT name FROM read.people WHERE id = %s"
        assert value(connection, query, (person,)) == ERASED
        assert value(connection, "SELECT count(*) FROM acci.snapshots WHERE aggregate_id = %s", (person,)) == 0
        assert findings(connection, person) == []
