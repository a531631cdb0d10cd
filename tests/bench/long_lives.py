"""How long a command takes whose aggregate has lived long: load, decide, append; with and without a snapshot.

`measure(database_url, turns)` returns rows in milliseconds, ACCI beside the library `eventsourcing`, whose snapshots
are taken as its documentation says. Neither keeps aggregates. Commands are many, so the history behind a snapshot grows
with each.
"""

import statistics
import time
from collections.abc import Callable
from decimal import Decimal

from acci.domain.events import EventData
from acci.store.aggregates.repository import Repository
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue, load
from tests.bench import library
from tests.bench.rows import Row
from tests.domains.ledger import Account, Opened, Owner, Paid, Pay, command, event, stream

LIVED, COMMANDS = 500, 20  # events before, commands a turn
Act = Callable[[], object]
WITH = {False: "replayed", True: "with a snapshot"}


def measure(database_url: str, turns: int) -> list[Row]:
    """Both in turns; ACCI's ratio is to the library's time for the same."""
    catalogue = load(["tests.domains.ledger"])
    taken: dict[tuple[str, bool], list[float]] = {}
    with Database(database_url, size=1) as database, library.people(database_url) as people:
        acts = {
            (name, snapshot): act
            for snapshot in WITH
            for name, act in ((library.NAME, _theirs(people, snapshot)), ("ACCI", _ours(database, catalogue, snapshot)))
        }
        for _ in range(turns):
            for way, act in acts.items():
                for _ in range(COMMANDS):
                    began = time.perf_counter()
                    act()
                    taken.setdefault(way, []).append(time.perf_counter() - began)
    medians = {way: statistics.median(seconds) * 1000 for way, seconds in taken.items()}
    return [
        Row(
            f"a command after {LIVED} events, {WITH[snapshot]}, {name}",
            found,
            "ms",
            found / medians[library.NAME, snapshot] if name == "ACCI" else None,
        )
        for (name, snapshot), found in medians.items()
    ]


def _ours(database: Database, catalogue: Catalogue, snapshot: bool) -> Act:
    store = EventStore(database, catalogue)
    handler = CommandHandler(store, catalogue, recent=0)
    account = f"account-{snapshot}"
    owner = Owner(given="Ann", family="Example", country="NL")
    past: list[EventData] = [Opened(owner=owner, currency="EUR"), *[Paid(amount=Decimal(1))] * (LIVED - 1)]
    store.append(stream(account), 0, [event(data, version, account) for version, data in enumerate(past, 1)])
    if snapshot:
        Repository(store).save_snapshot(stream(account), LIVED, Repository(store).load(Account, stream(account)).state)
    return lambda: handler.handle(command(Pay(account=account, amount=Decimal(1))))


def _theirs(people: library.People, snapshot: bool) -> Act:
    person = library.Person(email="ann@example.com", name="Ann")
    for version in range(1, LIVED):
        person.update(name=f"Ann {version}")
    people.save(person)
    if snapshot:
        people.take_snapshot(person.id)

    def act() -> None:
        found: library.Person = people.repository.get(person.id)
        found.update(name=f"Ann {found.version}")
        people.save(found)

    return act
