"""How many commands a second one client handles (load, decide, append), beside the library `eventsourcing` 9.5.6.

Both do the same work on the same server: users are created, then updated in turns. The promise is on what either does
unless told otherwise: at least 3 times the library's rate. Beside it, each with its other way: ACCI loading its
aggregate for every command, the library with its cache. What the library makes there lies in tables of its own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from domain.commands import Command, CommandData, CommandMetadata
from domain.users.user import CreateUser, UpdateUser
from store.catalogue import load
from store.database import Database
from store.events import EventStore
from store.handling import RECENT, CommandHandler
from tests.bench import library
from tests.bench.rows import Row

USERS, ROUNDS = 50, 10

Act = Callable[[int, int], object]  # what to do in a round to a user; round 0 creates it


def measure(database_url: str) -> list[Row]:
    """Round by round in turns, so that what else the machine does meets all."""
    with ExitStack() as stack:
        database = stack.enter_context(Database(database_url, size=1))
        with database.connection():
            pass  # theirs connects before it is timed, too
        theirs, cached = (stack.enter_context(_other(database_url, cache)) for cache in (False, True))
        rates = _rates(theirs, cached, _ours(database, 0), _ours(database, RECENT))
    theirs_rate, cached_rate, loading_rate, ours_rate = rates
    name = "commands of one client"
    return [
        Row(f"{name}, {library.NAME}", theirs_rate, "1/s"),
        Row(f"{name}, {library.NAME} with its cache", cached_rate, "1/s"),
        Row(f"{name}, ACCI loading for each", loading_rate, "1/s", loading_rate / theirs_rate),
        Row(f"{name}, ACCI", ours_rate, "1/s", ours_rate / theirs_rate, "≥ 3"),
        Row(f"{name}, ACCI, against the library with its cache", ours_rate, "1/s", ours_rate / cached_rate),
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


def _ours(database: Database, recent: int) -> Act:
    catalogue = load(["domain.users"])
    handler = CommandHandler(EventStore(database, catalogue), catalogue, recent=recent)
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
def _other(database_url: str, cache: bool) -> Iterator[Act]:
    ids: list[UUID] = []
    with library.people(database_url, cache=cache) as people:

        def act(turn: int, user: int) -> None:
            if turn == 0:
                person = library.Person(email="ann@example.com", name="Ann")
                ids.append(person.id)
            else:
                person = people.repository.get(ids[user])
                person.update(name=f"Ann {turn}")
            people.save(person)

        yield act
