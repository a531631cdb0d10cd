"""A person is erased from what reactions were to do for them: nothing is sent or can be read, and the rest goes on."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from acci.domain.contexts import Context
from acci.domain.effects import After, Effect, Message
from acci.domain.events import Event, RecordedEvent
from acci.domain.folding import evolves
from acci.domain.personal import ERASED
from acci.domain.reactions import Reaction, reacts
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import WHOLE
from acci.store.commands.handler import CommandHandler
from acci.store.encryption.key_store import KeyStore
from acci.store.encryption.payload_encryption import decrypt
from acci.store.log import high_water
from acci.store.log.event_store import EventStore
from acci.store.maintenance.erasure import erase
from acci.store.postgres.database import Connection, Database, connect
from acci.store.reacting import timers
from acci.store.reacting.batches import Batcher
from acci.store.reacting.effect_rows import bound_to
from acci.store.reacting.registrations import register
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.domains import people
from tests.domains.people import NoteTaken, PersonRegistered, PersonRenamed, RegisterPerson, RenamePerson, TakeNote
from tests.domains.people import command as command_of
from tests.support.read_models import wait_until_blocked

SECRETS = ("Annabel Zwart", "annabel@zwart.example", "Annabel Wit", "she likes rye bread")
TABLES = ("outbox", "outbox_heads", "deliveries", "timers", "processes", "outcomes", "undecided", "reactions")
OF_REACTIONS = (
    "outcomes", "outcome_events", "effects", "undelivered", "outbox_heads", "undecided", "timers", "processes",
    "decisions",
)  # fmt: skip


class Welcome(Reaction):
    """Stateless: a mail, and another one later."""

    name: ClassVar[str] = "welcome"

    @reacts(PersonRegistered)
    def greet(self, event: RecordedEvent[PersonRegistered]) -> list[Effect]:
        given = event.data
        return [
            Message("mail", {"to": given.email, "name": given.name}),
            After(timedelta(days=3), Message("mail", {"remind": given.name}), "reminder"),
        ]


class Names(Reaction):
    """A process manager: every name that a person had."""

    name: ClassVar[str] = "names"

    names: tuple[str, ...] = ()

    @evolves(PersonRegistered, PersonRenamed)
    def named(self, event: Event[PersonRenamed]) -> Self:
        return self.changed(names=(*self.names, event.data.name))

    @reacts(PersonRenamed)
    def tell(self, event: RecordedEvent[PersonRenamed]) -> list[Effect]:
        if event.data.name == "unspeakable":
            raise ValueError(f"{self.names} cannot be told")
        renamed = NoteTaken(person=event.aggregate_id, note=f"renamed from {self.names[0]}")
        return [Message("names", {"names": self.names}), After(timedelta(days=1), renamed, "note")]


class Notes(Reaction):
    """By desk, so that several people's are of one key."""

    name: ClassVar[str] = "notes"

    @reacts(NoteTaken)
    def pass_on(self, event: RecordedEvent[NoteTaken]) -> Message:
        return Message("notes", {"note": event.data.note}, key="all")


class Desks(Reaction):
    """A process manager in whose state several people's data are."""

    name: ClassVar[str] = "desks"

    notes: tuple[str, ...] = ()

    @evolves(NoteTaken)
    def noted(self, event: Event[NoteTaken]) -> Self:
        return self.changed(notes=(*self.notes, event.data.note))

    @reacts(NoteTaken)
    def summarise(self, event: RecordedEvent[NoteTaken]) -> list[Effect]:
        what = Message("desks", {"notes": self.notes})
        return [what, After(timedelta(days=1), what, f"of {event.data.person}")]


REACTIONS = (Welcome, Names, Notes)
CATALOGUE = Catalogue((people.CONTEXT, Context("mail", Path(), (), reactions=(*REACTIONS, Desks))))


@pytest.fixture
def handler(database_url: str, keys: KeyStore) -> Iterator[CommandHandler]:
    with Database(database_url, 2, "append", keys=keys) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        for tenant in ("t1", "t2"):
            told = RegisterPerson(person="ann", name=SECRETS[0], email=SECRETS[1], city="Delft")
            handler.handle(command_of(told, tenant))
        handler.handle(command_of(RegisterPerson(person="bob", name="Bob", city="Delft")))
        handler.handle(command_of(RenamePerson(person="ann", name=SECRETS[2])))
        handler.handle(command_of(TakeNote(desk="d1", person="ann", note=SECRETS[3])))
        handler.handle(command_of(TakeNote(desk="d1", person="bob", note="he has a cat")))
        yield handler


@pytest.fixture
def decided(handler: CommandHandler, database_url: str, keys: KeyStore) -> Iterator[Connection]:
    """All was decided, nothing delivered."""
    with connect(database_url, "test", "administer", keys=keys) as connection:
        for reaction in REACTIONS:
            register(connection, reaction, "beginning")
        decide(connection)
        yield connection


def decide(connection: Connection, *reactions: type[Reaction]) -> None:
    for reaction in reactions or REACTIONS:
        Batcher(connection, CATALOGUE, reaction).decide(high_water.establish(connection).position)


def stored(connection: Connection) -> dict[str, str]:
    """All that is stored of reactions, as text."""
    found = {}
    for table in TABLES:
        row = connection.execute(f"SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM acci.{table} AS t").fetchone()  # noqa: S608
        found[table] = str(row[0]) if row else ""
    return found


def said(connection: Connection) -> list[str]:
    return [
        f"{secret} in {table}" for table, text in stored(connection).items() for secret in SECRETS if secret in text
    ]


def to_send(connection: Connection, keys: KeyStore, tenant: str = "t1") -> list[tuple[str, Any]]:
    """What would be delivered, by reaction."""
    rows = connection.execute(
        "SELECT reaction, rewind, position, ordinal, content::text FROM acci.outbox WHERE tenant_id = %s"
        " ORDER BY reaction, position, ordinal",
        (tenant,),
    ).fetchall()
    return [
        (reaction, json.loads(decrypt(text, bound_to(reaction, *place), keys)).get("payload"))
        for reaction, *place, text in rows
    ]


def findings(connection: Connection) -> list[str]:
    done = [audit(connection, CATALOGUE, check, name, WHOLE) for check, name in chosen(CATALOGUE, OF_REACTIONS, None)]
    return [f"{each.check}: {found.problem}" for each in done for found in each.found]


def test_what_reactions_decided_is_stored_unreadable(decided: Connection, keys: KeyStore) -> None:
    assert said(decided) == []
    assert to_send(decided, keys) == [
        ("names", {"names": [SECRETS[0], SECRETS[2]]}),
        ("notes", {"note": SECRETS[3]}),
        ("notes", {"note": "he has a cat"}),
        ("welcome", {"to": SECRETS[1], "name": SECRETS[0]}),
        ("welcome", {"to": None, "name": "Bob"}),
    ]
    assert findings(decided) == []


def test_nothing_is_sent_for_an_erased_person(decided: Connection, keys: KeyStore) -> None:
    others = to_send(decided, keys, "t2")
    decided.execute("UPDATE acci.outbox_heads SET tries = 4, due = 'infinity', error = %s", (f"no {SECRETS[1]} here",))

    done = erase(decided, CATALOGUE, "t1", "ann")

    assert done.left == {}
    # Timers: two reminders of ann's. States, digests: of her keys; notes of both people were of one desk.
    assert (done.reactions.deliveries, done.reactions.timers, done.reactions.states) == (3, 2, 1)
    assert done.reactions.digests == 5
    assert to_send(decided, keys) == [("notes", {"note": "he has a cat"}), ("welcome", {"to": None, "name": "Bob"})]
    assert to_send(decided, keys, "t2") == others, "in the other tenant too"
    ended = decided.execute("SELECT reaction, ended, tries FROM acci.deliveries ORDER BY reaction").fetchall()
    assert ended == [("names", "erased", 4), ("notes", "erased", 4), ("welcome", "erased", 4)]
    heads = decided.execute(
        "SELECT reaction, key, tries, due < now() + interval '1 minute', error FROM acci.outbox_heads"
        " WHERE tenant_id = 't1' ORDER BY reaction"
    )
    assert heads.fetchall() == [
        ("notes", "all", 0, True, None),
        ("welcome", "bob", 4, False, "erased"),
    ]
    (timers_left,) = decided.execute("SELECT count(*) FROM acci.timers WHERE tenant_id = 't1'").fetchall()
    assert timers_left == (1,), "bob's"
    assert said(decided) == [f"{SECRETS[1]} in outbox_heads"], "of the other tenant's"
    assert findings(decided) == []
    again = erase(decided, CATALOGUE, "t1", "ann")
    assert (again.left, again.reactions.deliveries, again.reactions.digests) == ({}, 0, 0)


def test_what_is_decided_later_reads_the_person_as_erased(
    decided: Connection, keys: KeyStore, handler: CommandHandler
) -> None:
    erase(decided, CATALOGUE, "t1", "ann")
    handler.handle(command_of(RenamePerson(person="ann", name="Ann again")))
    decide(decided)
    assert ("names", {"names": [ERASED, ERASED, "Ann again"]}) in to_send(decided, keys)
    assert findings(decided) == []


def test_a_timer_that_fired_before_is_erased_with_the_person(decided: Connection, keys: KeyStore) -> None:
    decided.execute("UPDATE acci.timers SET due = clock_timestamp() WHERE tenant_id = 't1'")
    decided.execute("SET ROLE NONE")
    for reaction in REACTIONS:
        timers.fire(decided, reaction.name)
    decide(decided)
    assert ("welcome", {"remind": SECRETS[0]}) in to_send(decided, keys)
    assert said(decided) == []
    decided.execute("SET ROLE acci_administer")

    assert erase(decided, CATALOGUE, "t1", "ann").left == {}

    reminders = [payload for _, payload in to_send(decided, keys) if payload and "remind" in payload]
    assert reminders == [{"remind": "Bob"}]
    assert findings(decided) == []


def test_an_event_that_could_not_be_decided_quotes_nobody(decided: Connection, handler: CommandHandler) -> None:
    handler.handle(command_of(RenamePerson(person="ann", name="unspeakable")))
    decide(decided)
    decided.execute("UPDATE acci.undecided SET error = concat(error, %s::text)", (SECRETS[2],))
    decided.execute("UPDATE acci.outbox_heads SET error = NULL")
    assert said(decided) == [f"{SECRETS[2]} in undecided"]
    done = erase(decided, CATALOGUE, "t1", "ann")
    assert (done.left, done.reactions.errors) == ({}, 1)
    assert said(decided) == []


def test_why_a_command_was_refused_quotes_nobody(decided: Connection) -> None:
    decided.execute("SET ROLE NONE")
    decided.execute(
        """WITH gone AS (DELETE FROM acci.outbox WHERE reaction = 'welcome' AND tenant_id = 't1' AND key = 'ann'
                         RETURNING *)
           INSERT INTO acci.deliveries (position, rewind, ordinal, tries, reaction, ended, reason)
           SELECT position, rewind, ordinal, 1, reaction, 'refused', %s FROM gone""",
        (f"{SECRETS[1]} is taken",),
    )
    decided.execute("DELETE FROM acci.outbox_heads WHERE reaction = 'welcome' AND tenant_id = 't1' AND key = 'ann'")
    decided.execute("SET ROLE acci_administer")
    assert erase(decided, CATALOGUE, "t1", "ann").left == {}
    assert said(decided) == []
    assert decided.execute("SELECT reason FROM acci.deliveries WHERE ended = 'refused'").fetchall() == [("erased",)]


def test_what_was_decided_for_others_and_quotes_the_person_is_not_sent(
    decided: Connection, keys: KeyStore, handler: CommandHandler
) -> None:
    handler.handle(command_of(TakeNote(desk="d2", person="bob", note="he has two cats")))
    register(decided, Desks, "beginning")
    decide(decided, Desks)
    both = [SECRETS[3], "he has a cat"]
    of_desks = [payload for reaction, payload in to_send(decided, keys) if reaction == "desks"]
    assert of_desks == [{"notes": both[:1]}, {"notes": both}, {"notes": ["he has two cats"]}]

    assert erase(decided, CATALOGUE, "t1", "ann").left == {}

    of_desks = [payload for reaction, payload in to_send(decided, keys) if reaction == "desks"]
    assert of_desks == [{"notes": ["he has two cats"]}]
    assert decided.execute("SELECT key FROM acci.timers WHERE reaction = 'desks'").fetchall() == [("d2",)]
    handler.handle(command_of(TakeNote(desk="d1", person="bob", note="a third")))
    decide(decided, Desks)
    assert to_send(decided, keys)[1] == ("desks", {"notes": [ERASED, "he has a cat", "a third"]})
    assert findings(decided) == []


def test_a_batch_under_way_leaves_nothing_to_send(
    handler: CommandHandler, decided: Connection, database_url: str, keys: KeyStore
) -> None:
    """It read the person's data before the key was destroyed; the eraser waits for it."""
    before = to_send(decided, keys)
    handler.handle(command_of(RegisterPerson(person="cas", name="Cas", city="Delft")))
    with (
        connect(database_url, "slow", "project", keys=keys) as slow,
        connect(database_url, "other") as other,
        connect(database_url, "watcher") as watcher,
    ):
        with other.transaction(force_rollback=True):
            other.execute("INSERT INTO acci.outbox_heads (reaction, tenant_id, key) VALUES ('welcome', 't1', 'cas')")
            runner = threading.Thread(target=decide, args=(slow, Welcome))
            runner.start()
            wait_until_blocked(watcher, slow.info.backend_pid)
            eraser = threading.Thread(target=erase, args=(decided, CATALOGUE, "t1", "cas"))
            eraser.start()
            wait_until_blocked(watcher, decided.info.backend_pid)
        runner.join()
        eraser.join()
    assert to_send(decided, keys) == before
    assert decided.execute("SELECT reaction, ended FROM acci.deliveries").fetchall() == [("welcome", "erased")]
    decide(decided)
    assert findings(decided) == []


def test_a_rebuild_of_everything_sends_nothing(decided: Connection) -> None:
    """No reaction's table is touched: a rebuild cannot reach them."""
    for projection in CATALOGUE.projections.values():
        build.rebuild(decided, CATALOGUE, projection)
    before = stored(decided)
    for projection in CATALOGUE.projections.values():
        build.rebuild(decided, CATALOGUE, projection)
    assert stored(decided) == before
