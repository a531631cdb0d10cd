"""A forged encrypted value, put into the log by SQL: it stops only its own key."""

import base64
import json
from collections.abc import Iterator

import pytest

from acci.domain.projections import Projection
from acci.store.aggregates.loading import UnreadableEvent
from acci.store.aggregates.repository import Repository
from acci.store.backfilling.selection import Choice
from acci.store.commands.handler import CommandHandler
from acci.store.encryption.key_store import KeyStore
from acci.store.log.event_store import EventStore
from acci.store.maintenance.erasure import erase
from acci.store.postgres.database import Connection, Database, connect
from acci.store.projecting import dead_letters
from acci.store.projecting.batches import catch_up
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build as rebuilding
from acci.store.rebuilding import gate
from acci.store.registry import Catalogue
from tests.domains.bank.ledger import audited
from tests.domains.people import CONTEXT, People, Person, RegisterPerson, RenamePerson, command, stream
from tests.support.read_models import backfill

CATALOGUE = Catalogue((CONTEXT,))
FORGED = {
    "too short": "AAAA",
    "no base64": "A",
    "of a key that is nowhere": base64.b64encode(bytes(range(60))).decode(),
}


@pytest.fixture
def handler(database_url: str, keys: KeyStore) -> Iterator[CommandHandler]:
    """Ann and Bob are registered."""
    with Database(database_url, 2, "append", keys=keys) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        for person in ("ann", "bob"):
            handler.handle(command(RegisterPerson(person=person, name=person.title(), city="Delft")))
        yield handler


def forge(connection: Connection, person: str, version: int, value: str) -> None:
    payload = json.dumps({"name": {"acci.personal": value}, "city": "Delft"})
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (now(), gen_random_uuid(), %s, 't1', 'Person', %s, 'PersonRegistered', %s::jsonb, '{}')""",
        (version, person, payload),
    )


def rebuild(connection: Connection, projection: type[Projection]) -> None:
    """Through the gate."""
    thresholds = gate.GateThresholds(dead_letters=projection is People, changes=100)
    rebuilding.rebuild(
        connection, CATALOGUE, projection, rebuilding.RebuildOptions(thresholds=thresholds), rebuilding.STEPS
    )


def names(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT id, name FROM read.people").fetchall())


@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED)
def test_only_the_key_of_the_event_is_stopped(
    handler: CommandHandler, database_url: str, keys: KeyStore, value: str
) -> None:
    sound = {"ann": "Annabel", "bob": "Bob"}
    with (
        connect(database_url, "test", "administer", keys=keys) as connection,
        connect(database_url, "forger", "append") as forger,
    ):
        forger.execute("SELECT set_config('acci.tenant', 't1', false)")
        for projection in CATALOGUE.projections.values():
            rebuilding.rebuild(connection, CATALOGUE, projection)
        forge(forger, "eve", 1, value)
        handler.handle(command(RenamePerson(person="ann", name="Annabel")))
        with pytest.raises(UnreadableEvent):
            handler.handle(command(RenamePerson(person="eve", name="Eve")))

        assert catch_up(connection, CATALOGUE, People).dead_letters == 1
        assert names(connection) == sound
        backfill(connection, CATALOGUE, People, Choice(tenants=("t1",)))
        for audit in audited(connection, CATALOGUE):
            assert {each.place.get("id") for each in audit.found} <= {None, "eve"}, audit
        assert {row["id"]: row["name"] for row in rows_as_of(connection, CATALOGUE, People)} == sound
        for projection in CATALOGUE.projections.values():
            rebuild(connection, projection)
        assert names(connection) == sound
        (letter,) = dead_letters.letters(connection, "people")
        dead_letters.discard(connection, CATALOGUE, letter.dead_letter, "forged")
        rebuilding.rebuild(connection, CATALOGUE, People)
        assert names(connection) == sound
        assert dead_letters.letters(connection, "people") == []


def test_a_person_with_a_forged_value_can_be_erased(handler: CommandHandler, database_url: str, keys: KeyStore) -> None:
    with (
        connect(database_url, "test", "administer", keys=keys) as connection,
        connect(database_url, "forger", "append") as forger,
    ):
        forger.execute("SELECT set_config('acci.tenant', 't1', false)")
        forge(forger, "ann", 2, FORGED["too short"])
        rebuilding.rebuild(connection, CATALOGUE, People)
        assert erase(connection, CATALOGUE, "t1", "ann").left == {}
        with Database(database_url, keys=keys) as database:
            loaded = Repository(EventStore(database, CATALOGUE)).load(Person, stream("ann"), to_version=1)
            assert loaded.state.name == "[erased]"
