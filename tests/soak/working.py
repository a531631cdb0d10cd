"""What runs in the soak's processes: a client that sends commands, and those that project, rebuild and audit.

    python -m tests.soak.working client URL FOLDER NUMBER

Each goes on until it is killed. What the database's coming and going explains is waited out; anything else ends the
process with its traceback, and the soak with it.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg

from acci.domain.errors import AcciError, Refused
from acci.store.aggregates.compaction import compact
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.findings import Severity
from acci.store.auditing.scope import WHOLE
from acci.store.commands.handler import CommandHandler
from acci.store.encryption.configured import key_store
from acci.store.generations import lifecycle
from acci.store.generations.generations import Busy, NotBuilt
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.refusals import is_transient
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from acci.store.settings import Settings
from tests.domains.people import Person, RegisterPerson, RenamePerson, TakeNote, command
from tests.soak.journal import Journal

CONTEXTS = ["tests.domains.people"]
PEOPLE, TENANTS = 400, ("t1", "t2", "t3")
Work = Callable[[str, Catalogue], None]


def client(url: str, folder: Path, number: int) -> None:
    """Send commands for few people of few tenants, so that clients meet; note down what is sent and what is heard."""
    chance, journal, catalogue = random.Random(), Journal(folder / f"journal-{number}"), load(CONTEXTS)
    with Database(url, 2, "append", keys=key_store(Settings.from_environment())) as database:
        handler = CommandHandler(EventStore(database, catalogue), catalogue)
        while True:
            tenant, person = chance.choice(TENANTS), f"p{chance.randrange(PEOPLE)}"
            data = chance.choice(
                [
                    RegisterPerson(person=person, name=f"Name {chance.random()}", city=chance.choice("ABC")),
                    RenamePerson(person=person, name=f"Name {chance.random()}"),
                    TakeNote(desk=f"d{chance.randrange(9)}", person=person, note=f"Note {chance.random()}"),
                ]
            )
            command_id = uuid4()
            journal.sends(command_id, tenant, data)
            try:
                journal.heard(command_id, len(handler.handle(command(data, tenant, command_id))))
            except Exception as error:
                if not passing(error):
                    raise
                time.sleep(0.2)


def projecting(url: str, catalogue: Catalogue) -> None:
    with connect(url, "soak catch-up", "project", keys=key_store(Settings.from_environment())) as connection:
        for projection in catalogue.projections.values():
            try:
                catch_up(connection, catalogue, projection, 500)
            except (Busy, NotBuilt):
                continue
    time.sleep(0.2)


def building(url: str, catalogue: Catalogue) -> None:
    with connect(url, "soak rebuild", "project", keys=key_store(Settings.from_environment())) as connection:
        projection = random.choice(list(catalogue.projections.values()))
        build.rebuild(connection, catalogue, projection)
        lifecycle.retain(connection, projection.name, 1)
        compact(connection, catalogue, Person)
    tell("rebuilt")


def auditing(url: str, catalogue: Catalogue) -> None:
    with connect(url, "soak audit", "project", keys=key_store(Settings.from_environment())) as connection:
        for found in findings(connection, catalogue, Severity.ERROR):  # leftovers of a killed rebuild are less severe
            raise AssertionError(found)
    tell("audited")
    time.sleep(1)


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def findings(connection: Connection, catalogue: Catalogue, least: Severity) -> list[str]:
    """What a whole audit finds, as bad as that or worse."""
    done = [audit(connection, catalogue, check, name, WHOLE) for check, name in chosen(catalogue, [], None)]
    found = [(each, one) for each in done for one in each.found if one.severity.reaches(least)]
    return [f"{each.check} of {each.projection}: {one.problem}" for each, one in found]


def passing(error: Exception) -> bool:
    """Whether the kills explain it."""
    known = (psycopg.OperationalError, Refused, Busy)
    return isinstance(error, known) or is_transient(error) or "recovery mode" in str(error)


def for_ever(work: Work, url: str) -> None:
    catalogue = load(CONTEXTS)
    while True:
        try:
            work(url, catalogue)
        except (AcciError, psycopg.Error) as error:
            if not passing(error):
                raise
            time.sleep(0.3)


WORK: dict[str, Work] = {"project": projecting, "rebuild": building, "audit": auditing}
if __name__ == "__main__":
    what, at, where, which = sys.argv[1:]
    if what == "client":
        client(at, Path(where), int(which))
    else:
        for_ever(WORK[what], at)
