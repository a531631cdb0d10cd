"""How many commands a second one client handles (load, decide, append), beside the library `eventsourcing` 9.5.6.

`measure(database_url)` returns rows; the ratio of the second row is the promise: at least 3. Both do the same work on
the same server: users are created, then updated in turns, every command loading its aggregate first. What the other
library makes there lies in tables of its own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from domain.commands import Command, CommandData, CommandMetadata
from domain.users.user import CreateUser, UpdateUser
from store.catalogue import load
from store.database import Database
from store.events import EventStore
from store.handling import CommandHandler
from tests.bench import library
from tests.bench.rows import Row

USERS, ROUNDS = 50, 10

Act = Callable[[int, int], object]  # what to do in a round to a user; round 0 creates it


def measure(database_url: str) -> list[Row]:
    """Round by round in turns, so that what else the machine does meets both."""
    with Database(database_url, size=1) as database, _other(database_url) as other:
        ours, theirs = _rates(_ours(database), other)
    return [
        Row(f"commands of one client, {library.NAME}", theirs, "1/s"),
        Row("commands of one client, ACCI", ours, "1/s", ours / theirs, "≥ 3"),
    ]


def _rates(*acts: Act) -> list[float]:
    taken = [0.0] * len(acts)
    for turn in range(ROUNDS + 1):
        for which, act in enumerate(acts):
            begin = time.perf_counter()
            for user in range(USERS):
                act(turn, user)
            taken[which] += time.perf_counter() - begin
    return [USERS * (ROUNDS + 1) / each for each in taken]


def _ours(database: Database) -> Act:
    catalogue = load(["domain.users"])
    handler = CommandHandler(EventStore(database, catalogue), catalogue)
    ids = [str(uuid4()) for _ in range(USERS)]

    def act(turn: int, user: int) -> None:
        data: CommandData = UpdateUser(user_id=ids[user], name=f"Ann {turn}")
        if turn == 0:
            data = CreateUser(user_id=ids[user], email="ann@example.com", name="Ann")
        metadata = CommandMetadata(
            user_id="admin", correlation_id=str(uuid4()), tenant_id="tenant-1", timestamp=datetime.now(UTC)
        )
        handler.handle(Command(uuid4(), data, metadata))

    return act


@contextmanager
def _other(database_url: str) -> Iterator[Act]:
    ids: list[UUID] = []
    with library.people(database_url) as people:

        def act(turn: int, user: int) -> None:
            if turn == 0:
                person = library.Person(email="ann@example.com", name="Ann")
                ids.append(person.id)
            else:
                person = people.repository.get(ids[user])
                person.update(name=f"Ann {turn}")
            people.save(person)

        yield act
