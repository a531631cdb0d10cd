"""A person is erased: their data can no longer be read anywhere, and everything else goes on."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql as identifiers

from acci.domain.commands import Command, CommandData
from acci.domain.events import Unreadable
from acci.domain.personal import ERASED
from acci.store.aggregates.compaction import compact
from acci.store.aggregates.loading import UnreadableEvent
from acci.store.aggregates.repository import Repository
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import WHOLE
from acci.store.commands.handler import CommandHandler
from acci.store.embedded import programs as embedded_programs
from acci.store.embedded.log_files import LogsClosed
from acci.store.embedded.server import EmbeddedServer
from acci.store.encryption import configured, key_store
from acci.store.encryption.key_store import KeyMissing, KeyStore, NoKeyStore, WrongMasterKey
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused, record_of_command
from acci.store.maintenance.erasure import NobodyToErase, erase
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.migrations import migrate
from acci.store.projecting.batches import catch_up
from acci.store.projecting.dead_letters import letters
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from acci.store.settings import Settings
from acci.store.values.canonical import canonical_form
from tests.domains.people import (
    CONTEXT,
    Cities,
    Notes,
    People,
    Person,
    RegisterPerson,
    RenamePerson,
    TakeNote,
    command,
    stream,
)  # fmt: skip
from tests.support.histories import value
from tests.support.read_models import wait_until_blocked
from tests.support.servers import SharedServer
from tests.support.shell import acci, refusal

CATALOGUE = Catalogue((CONTEXT,))
SECRETS = ("Annabel Zwart", "annabel@zwart.example", "Annabel Wit", "she likes rye bread", "unspeakable")
SAME_NOTE = {"desk": "d1", "person": "ann", "note": SECRETS[3]}  # sent again, it leads to nothing


@pytest.fixture
def handler(database_url: str, keys: KeyStore) -> Iterator[CommandHandler]:
    """Two people, with the same ids in two tenants, a desk's notes; read models live, snapshots taken."""
    with Database(database_url, 2, "append", keys=keys) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        for tenant in ("t1", "t2"):
            told = RegisterPerson(person="ann", name=SECRETS[0], email=SECRETS[1], city="Delft")
            handler.handle(command(told, tenant))
        handler.handle(command(RegisterPerson(person="bob", name="Bob", city="Delft")))
        handler.handle(command(RenamePerson(person="ann", name=SECRETS[2])))
        handler.handle(command(TakeNote(desk="d1", person="ann", note=SECRETS[3])))
        handler.handle(command(TakeNote(desk="d2", person="bob", note="he has a cat")))
        yield handler


@pytest.fixture
def built(handler: CommandHandler, database_url: str, keys: KeyStore) -> Iterator[Connection]:
    with connect(database_url, "test", "administer", keys=keys) as opened:
        for projection in CATALOGUE.projections.values():
            build.rebuild(opened, CATALOGUE, projection)
        compact(opened, CATALOGUE, Person)
        yield opened


def said(connection: Connection, *places: str) -> list[str]:
    """The secrets that a table's rows contain."""
    found = []
    for place in places:
        query = identifiers.SQL("SELECT coalesce(string_agg(to_jsonb(t)::text, ' '), '') FROM {} AS t")
        text = value(connection, query.format(identifiers.Identifier(*place.split("."))))
        found += [f"{secret} in {place}" for secret in SECRETS if secret in text]
    return found


def rows(connection: Connection, name: str) -> list[tuple[Any, ...]]:
    query = identifiers.SQL("SELECT * FROM {} ORDER BY 1, 2").format(identifiers.Identifier("read", name))
    return connection.execute(query).fetchall()


def findings(connection: Connection) -> list[str]:
    """What a whole audit finds wrong."""
    done = [audit(connection, CATALOGUE, check, name, WHOLE) for check, name in chosen(CATALOGUE, [], None)]
    return [f"{each.check} {each.projection}: {found.problem}" for each in done for found in each.found]


def test_personal_data_is_stored_unreadable_and_read_as_it_was(
    handler: CommandHandler, built: Connection, database_url: str, keys: KeyStore
) -> None:
    assert said(built, "acci.events", "acci.snapshots") == []
    with Database(database_url, 2, "append", keys=keys) as database:
        store = EventStore(database, CATALOGUE)
        registered, renamed = store.read_stream(stream("ann"))
        assert registered.data.name == SECRETS[0]  # type: ignore[attr-defined]
        assert renamed.data.name == SECRETS[2]  # type: ignore[attr-defined]
        loaded = Repository(store).load(Person, stream("ann"))
        assert (loaded.state.name, loaded.snapshot_version) == (SECRETS[2], 2)
    assert rows(built, "people")[0] == ("t1", "ann", SECRETS[2], "annabel zwart of Delft", SECRETS[1], 2)
    assert rows(built, "people")[1][2:5] == ("Bob", "bob of Delft", None)
    assert rows(built, "notes")[0] == ("t1", "d1", "ann", SECRETS[3], 1)
    assert findings(built) == []


def test_an_erased_person_is_gone_everywhere(
    handler: CommandHandler, built: Connection, database_url: str, keys: KeyStore
) -> None:
    build.rebuild(built, CATALOGUE, People)  # one generation is kept
    handler.handle(command(TakeNote(desk="d3", person="ann", note="unspeakable")))
    catch_up(built, CATALOGUE, Notes)
    assert letters(built)[0].error.startswith("ValueError in __init__.py, line ")
    built.execute(
        "INSERT INTO acci.findings (check_name, projection, place, severity, problem, first_seen, last_seen, details)"
        """ VALUES ('rows', 'people', '{"id": "ann"}', 'error', 'x', now(), now(), '{"name": "Annabel Wit"}')"""
    )
    others = [row for row in rows(built, "people") if row[:2] != ("t1", "ann")]

    done = erase(built, CATALOGUE, "t1", "ann")

    assert (done.events, done.keys_destroyed, done.left) == (4, 1, {})
    assert (done.snapshots, done.dead_letters, done.findings, done.generations_dropped) == (1, 1, 1, 1)
    assert rows(built, "people")[0] == ("t1", "ann", ERASED, "[erased] of Delft", ERASED, 2)
    assert [row for row in rows(built, "people") if row[:2] != ("t1", "ann")] == others, "in the other tenant too"
    assert rows(built, "notes")[0] == ("t1", "d1", "ann", ERASED, 1)
    assert rows(built, "cities") == [("t1", "Delft", 2), ("t2", "Delft", 1)]
    places = ("acci.events", "acci.snapshots", "acci.dead_letters", "acci.findings", "read.notes")
    assert said(built, *places) == []
    with Database(database_url, 2, "append", keys=keys) as database:
        assert Repository(EventStore(database, CATALOGUE)).load(Person, stream("ann")).state.name == ERASED

    again = erase(built, CATALOGUE, "t1", "ann")
    assert (again.keys_destroyed, again.left) == (0, {})
    with pytest.raises(NobodyToErase, match="no personal data of 'nobody'"):
        erase(built, CATALOGUE, "t1", "nobody")


def test_everything_goes_on_afterwards(handler: CommandHandler, built: Connection) -> None:
    erase(built, CATALOGUE, "t1", "ann")
    handler.handle(command(RenamePerson(person="ann", name="Ann again")))
    for projection in (People, Cities, Notes):
        catch_up(built, CATALOGUE, projection)
    assert rows(built, "people")[0] == ("t1", "ann", "Ann again", "[erased] of Delft", ERASED, 3), "with a new key"
    compact(built, CATALOGUE, Person)
    before = {name: rows(built, name) for name in ("people", "cities", "notes")}
    assert findings(built) == []
    for projection in (People, Cities, Notes):
        build.rebuild(built, CATALOGUE, projection)
    assert {name: rows(built, name) for name in before} == before
    past = list(rows_as_of(built, CATALOGUE, People, position=3))
    assert [row["name"] for row in past] == [ERASED, "Bob", SECRETS[0]]


def plain_digest(command: Command[CommandData]) -> bytes:
    return record_of_command(command.id, type(command.data).__name__, canonical_form(command.data)).digest


def test_a_command_cannot_be_guessed_from_its_idempotency_record(
    handler: CommandHandler, built: Connection, keys_url: str
) -> None:
    """Before the erasure not from the log alone, afterwards not at all. Resending still works."""
    sent, nothing_done = command(RenamePerson(person="ann", name="Guess me")), command(TakeNote(**SAME_NOTE))
    (first,) = handler.handle(sent)
    assert handler.handle(nothing_done) == ()
    for each in (sent, nothing_done):
        plain = plain_digest(each)
        query = "SELECT content FROM acci.commands WHERE id = %s"
        kept = value(built, query, (each.id,))
        assert len(plain) == 32 < len(kept)
        assert plain not in kept
    assert handler.handle(sent) == (first,)
    assert handler.handle(nothing_done) == ()
    for other in (RenamePerson(person="ann", name="Somebody"), TakeNote(**SAME_NOTE | {"person": "bob"})):
        one = sent if isinstance(other, RenamePerson) else nothing_done
        with pytest.raises(CommandReused):
            handler.handle(command(other, command_id=one.id))

    erase(built, CATALOGUE, "t1", "ann")
    (again,) = handler.handle(sent)
    assert (again.position, again.data.name) == (first.position, ERASED)  # type: ignore[attr-defined]
    digest = value(built, "SELECT content FROM acci.commands WHERE id = %s", (sent.id,))
    with connect(keys_url, "test") as store:
        assert value(store, "SELECT key IS NULL FROM acci_keys.keys WHERE id = %s", (UUID(bytes=digest[:16]),))


def test_a_repeated_command_creates_no_new_key(handler: CommandHandler, built: Connection, keys_url: str) -> None:
    """Not even for a decision on a guessed state: the key would be a trace of an erased person."""
    sent = command(RegisterPerson(person="cas", name="Cas", city="Delft"))
    (first,) = handler.handle(sent)
    erase(built, CATALOGUE, "t1", "cas")
    assert [event.id for event in handler.handle(sent)] == [first.id]
    with connect(keys_url, "test") as store:
        assert value(store, "SELECT array_agg(key IS NULL) FROM acci_keys.keys WHERE subject = 'cas'") == [True]


def test_keys_are_cached_only_briefly(keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_store, "HELD_SECONDS", 0)
    made = dict(keys.of("t1", subject) for subject in ("ann", "bob"))
    assert keys.find(made) == made
    assert (len(keys._held), len(keys._mine)) == (0, 0)


def test_idempotency_records_of_earlier_versions_are_cleared(handler: CommandHandler, built: Connection) -> None:
    sent = command(RenamePerson(person="ann", name="Guess me"))
    (first,) = handler.handle(sent)
    built.execute("SET ROLE NONE")
    built.execute("UPDATE acci.commands SET content = %s", (plain_digest(sent),))
    built.execute("SET ROLE acci_administer")
    assert erase(built, CATALOGUE, "t1", "ann").commands == 4
    kept = "SELECT array_agg(octet_length(content) ORDER BY recorded_at) FROM acci.commands"
    assert value(built, kept) == [0, 32, 32, 0, 0, 32, 0]
    assert handler.handle(sent)[0].position == first.position


def test_an_audit_finds_data_left_after_an_erasure(handler: CommandHandler, built: Connection) -> None:
    done = erase(built, CATALOGUE, "t1", "ann")
    assert done.elsewhere["read.people"] == 1, "the one of that name in the other tenant"
    built.execute("UPDATE generation_1.people SET name = 'Annabel Wit' WHERE id = 'ann' AND tenant_id = 't1'")
    assert any("differ" in problem for problem in findings(built))
    erase(built, CATALOGUE, "t1", "ann")
    assert findings(built) == []


def test_a_row_that_cannot_be_re_derived_is_removed(handler: CommandHandler, built: Connection) -> None:
    """A parked key's row usually stays as it was; an erased person's must not."""
    handler.handle(command(TakeNote(desk="d1", person="bob", note="unspeakable")))
    catch_up(built, CATALOGUE, Notes)
    assert rows(built, "notes")[0][3] == SECRETS[3]
    assert erase(built, CATALOGUE, "t1", "ann").left == {}
    assert [row[1] for row in rows(built, "notes")] == ["d2"]


def test_a_restored_backup_does_not_restore_erased_data(
    handler: CommandHandler,
    built: Connection,
    database_url: str,
    keys: KeyStore,
    server: SharedServer,
    tmp_path: Path,
) -> None:
    """An old log with today's keys: events and snapshots are unreadable at once, rows once they are re-derived."""
    programs, backup = embedded_programs.programs(), tmp_path / "backup"
    subprocess.run([programs / "pg_dump", "-Fc", "-f", backup, database_url], check=True)
    erase(built, CATALOGUE, "t1", "ann")
    with server.database(template="template1") as url:
        subprocess.run([programs / "pg_restore", "--exit-on-error", "-d", url, backup], check=True)
        with Database(url, 2, "append", keys=keys) as database:
            restored = EventStore(database, CATALOGUE)
            assert {event.data.name for event in restored.read_stream(stream("ann"))} == {ERASED}  # type: ignore[attr-defined]
            assert Repository(restored).load(Person, stream("ann")).state.name == ERASED
        with connect(url, "test", "administer", keys=keys) as connection:
            assert rows(connection, "people")[0][2] == SECRETS[2]
            assert keys.erased() == [("t1", "ann")]
            for tenant, person in keys.erased():
                assert erase(connection, CATALOGUE, tenant, person).left == {}
            assert rows(connection, "people")[0][2] == ERASED
            only_acci = "REVOKE CONNECT ON DATABASE {} FROM PUBLIC"  # a dump has no rights to the database itself
            connection.execute("SET ROLE NONE")
            connection.execute(identifiers.SQL(only_acci).format(identifiers.Identifier(str(connection.info.dbname))))
            connection.execute("SET ROLE acci_administer")
            assert findings(connection) == []


def test_keys_lie_beside_the_embedded_server(tmp_path: Path) -> None:
    """Without a setting: in a database of their own, which a dump of the log leaves out."""
    settings = Settings.from_environment({"ACCI_HOME": str(tmp_path)})
    store = configured.key_store(settings)
    assert store is configured.key_store(settings)
    assert store is not None
    with pytest.raises(NoKeyStore):
        store.of("t1", "ann")
    embedded = EmbeddedServer(tmp_path / "postgres", tmp_path / "log", durable=False)
    try:
        url = embedded.start(port=0)
        migrate(url)
        with Database(url, 1, "append", keys=store) as database:
            handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
            handler.handle(command(RegisterPerson(person="ann", name=SECRETS[0], city="Delft")))
        keys_url = embedded.running_url("acci_keys")
        assert keys_url is not None
        with connect(keys_url, "test") as keys, connect(url, "test", "administer", keys=store) as connection:
            assert value(keys, "SELECT count(*) FROM acci_keys.keys WHERE key IS NOT NULL") == 1
            assert value(connection, "SELECT to_regclass('acci_keys.keys') IS NULL")
            assert erase(connection, CATALOGUE, "t1", "ann").left == {}
            assert value(keys, "SELECT count(*) FROM acci_keys.keys WHERE key IS NOT NULL") == 0
    finally:
        store.close()
        embedded.stop()


def test_keys_of_another_store_are_not_taken_for_erased(
    handler: CommandHandler, built: Connection, server: SharedServer
) -> None:
    before = rows(built, "people")
    with server.database(template="template1") as other:
        built.keys = store = KeyStore(other)
        with pytest.raises(KeyMissing, match="nothing is taken for erased"):
            build.rebuild(built, CATALOGUE, People)
        store.close()
    assert rows(built, "people") == before
    built.keys = configured.key_store(Settings.from_environment({"ACCI_DATABASE_URL": "postgresql://somewhere/else"}))
    with pytest.raises(NoKeyStore, match="set ACCI_KEYS_URL"):
        list(rows_as_of(built, CATALOGUE, People))


def test_keys_are_wrapped(keys_url: str, database_url: str, connection: Connection) -> None:
    def wrapped(master_key: str) -> KeyStore:
        given = {"ACCI_KEYS_URL": keys_url, "ACCI_MASTER_KEY": master_key}
        found = configured.key_store(Settings.from_environment(given))
        assert found is not None
        return found

    right = wrapped("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    with Database(database_url, keys=right) as database, connect(keys_url, "test") as store:
        CommandHandler(EventStore(database, CATALOGUE), CATALOGUE).handle(
            command(RegisterPerson(person="ann", name="Ann", city="Delft"))
        )
        assert value(store, "SELECT octet_length(key) FROM acci_keys.keys") == 40
        read = EventStore(database, CATALOGUE).read_stream
        assert next(read(stream("ann"))).data.name == "Ann"  # type: ignore[attr-defined]
    right.close()
    for other, sentence in (
        ("", "ACCI_MASTER_KEY is not set"),
        ("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "not the one they were wrapped with"),
        ("short", "not 32 bytes"),
    ):
        wrong = wrapped(other)
        with Database(database_url, keys=wrong) as database, pytest.raises(WrongMasterKey, match=sentence):
            next(EventStore(database, CATALOGUE).read_stream(stream("ann")))
        wrong.close()


def test_moved_encrypted_values_are_noticed(
    handler: CommandHandler, connection: Connection, database_url: str, keys: KeyStore
) -> None:
    connection.execute("ALTER TABLE acci.events DISABLE TRIGGER events_are_append_only")
    moved = "UPDATE acci.events SET data = (SELECT data FROM acci.events WHERE position = 1) WHERE position = 4"
    connection.execute(moved)
    with Database(database_url, keys=keys) as database:
        store = EventStore(database, CATALOGUE)
        moved_data = list(store.read_stream(stream("ann")))[-1].data
        assert isinstance(moved_data, Unreadable)
        assert moved_data.reason.endswith("was changed, or moved from another event. Restore it from a backup.")
        connection.execute("DELETE FROM acci.snapshots")
        with pytest.raises(UnreadableEvent, match="moved from another event"):
            Repository(store).load(Person, stream("ann"))


def test_a_batch_under_way_does_not_restore_erased_data(
    handler: CommandHandler, built: Connection, database_url: str, keys: KeyStore
) -> None:
    """A batch that read the data before the key was destroyed commits first; then the row is re-derived."""
    handler.handle(command(RenamePerson(person="ann", name=SECRETS[0])))
    with (
        connect(database_url, "slow", "project", keys=keys) as slow,
        connect(database_url, "other") as other,
        connect(database_url, "watcher") as watcher,
    ):
        with other.transaction():
            other.execute("SELECT FROM generation_1.people WHERE (tenant_id, id) = ('t1', 'ann') FOR UPDATE")
            runner = threading.Thread(target=catch_up, args=(slow, CATALOGUE, People))
            runner.start()
            wait_until_blocked(watcher, slow.info.backend_pid)
            eraser = threading.Thread(target=erase, args=(built, CATALOGUE, "t1", "ann"))
            eraser.start()
        runner.join()
        eraser.join()
    assert rows(built, "people")[0][2:4] == (ERASED, "[erased] of Delft")


def test_a_state_folded_before_the_erasure_is_not_snapshotted(
    handler: CommandHandler, built: Connection, database_url: str, keys: KeyStore
) -> None:
    """A process that loaded the person before must not store a snapshot now, encrypted with a new key."""
    with Database(database_url, 2, "append", keys=keys) as database:
        events = EventStore(database, CATALOGUE)
        loaded = Repository(events).load(Person, stream("ann"))
        assert loaded.state.name == SECRETS[2]
        erase(built, CATALOGUE, "t1", "ann")
        Repository(events).save_snapshot(stream("ann"), loaded.version, loaded.state)
        assert compact(built, CATALOGUE, Person).taken == 0
        assert value(built, "SELECT count(*) FROM acci.snapshots WHERE (tenant_id, aggregate_id) = ('t1', 'ann')") == 0
        assert Repository(events).load(Person, stream("ann")).state.name == ERASED


def test_one_command_erases_a_person(
    handler: CommandHandler, built: Connection, database_url: str, keys_url: str
) -> None:
    environment = {
        "ACCI_DATABASE_URL": database_url,
        "ACCI_KEYS_URL": keys_url,
        "ACCI_CONTEXTS": "tests.domains.people",
    }
    done = acci("erase", "ann", "--tenant", "t1", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is left" in done.stdout
    assert not any(secret in done.stdout for secret in SECRETS)
    assert "no personal data of 'zoe'" in refusal(acci("erase", "zoe", "--tenant", "t1", **environment))
    assert acci("erase", "--again", **environment).returncode == 0


def test_log_files_are_searched_too(handler: CommandHandler, built: Connection, tmp_path: Path) -> None:
    """Rows in errors of an older ACCI's server, whole or truncated; and JSON lines of other programs."""
    log, old = tmp_path / "worker.log", tmp_path / "postgres.old.log"
    log.write_text(f'{{"name": "{SECRETS[0]}"}} and {SECRETS[1]}')
    old.write_text(f"DETAIL:  Failing row contains (t1, ann, {SECRETS[2]}, {SECRETS[3]}).\n")
    done = erase(built, CATALOGUE, "t1", "ann", tmp_path)
    assert done.left == {}
    assert done.logs == 4
    assert not any(secret in log.read_text() + old.read_text() for secret in SECRETS)
    assert old.read_text().startswith("DETAIL:  Failing row contains (t1, ann, *****")


def test_logs_that_cannot_be_searched_refuse_it(handler: CommandHandler, built: Connection, tmp_path: Path) -> None:
    (tmp_path / "postgres.log").mkdir()
    with pytest.raises(LogsClosed, match="Nothing was done"):
        erase(built, CATALOGUE, "t1", "ann", tmp_path)
    assert any(name == SECRETS[2] for row in rows(built, "people") for name in row)
