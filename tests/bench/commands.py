"""How many commands a second one client handles (load, decide, append), beside the library `eventsourcing` 9.5.6.

Both do the same work on the same server: users are created, then updated in turns. The promise is on what either does
unless noted otherwise: at least 3 times the library's rate. Beside it, each with its other way: ACCI loading its
aggregate for every command, the library with its cache. What the library makes there lies in tables of its own.

Handling begins with a command, so these are made before; the library, which has none, is called with what is in them. A
row of its own counts the making, too.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.users.user import CreateUser, UpdateUser
from acci.store.commands.handler import RECENT, CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import load
from tests.bench import library
from tests.bench.rows import Row

USERS, ROUNDS = 50, 10

Round = Callable[[int], list[Callable[[], object]]]  # which calls of a round are timed; the first creates the users


def measure(database_url: str) -> list[Row]:
    """Round by round in turns, so that what else the machine does meets all."""
    with ExitStack() as stack:
        database = stack.enter_context(Database(database_url, size=1))
        with database.connection():
            pass  # theirs connects before it is timed, too
        theirs, cached = (stack.enter_context(_other(database_url, cache)) for cache in (False, True))
        taken = _taken(theirs, cached, _ours(database, 0), _ours(database, RECENT))
    (theirs_rate, _), (cached_rate, _), (loading_rate, _), (ours_rate, made_rate) = taken
    name = "commands of one client"
    return [
        Row(f"{name}, {library.NAME}", theirs_rate, "1/s"),
        Row(f"{name}, {library.NAME} with its cache", cached_rate, "1/s"),
        Row(f"{name}, ACCI loading for each", loading_rate, "1/s", loading_rate / theirs_rate),
        Row(f"{name}, ACCI", ours_rate, "1/s", ours_rate / theirs_rate, "≥ 3"),
        Row(f"{name}, ACCI, making them counted", made_rate, "1/s", made_rate / theirs_rate),
        Row(f"{name}, ACCI, against the library with its cache", ours_rate, "1/s", ours_rate / cached_rate),
    ]


def _taken(*ways: Round) -> list[tuple[float, float]]:
    """Each way's rate, and its rate when what is made before counts as well."""
    making, doing = [0.0] * len(ways), [0.0] * len(ways)
    for turn in range(ROUNDS + 1):
        for which, way in enumerate(ways):
            begin = time.perf_counter()
            acts = way(turn)
            made = time.perf_counter()
            for act in acts:
                act()
            doing[which] += time.perf_counter() - made
            making[which] += made - begin
    count = USERS * (ROUNDS + 1)
    return [(count / done, count / (made + done)) for made, done in zip(making, doing, strict=True)]


def _ours(database: Database, recent: int) -> Round:
    catalogue = load(["acci.domain.users"])
    handler = CommandHandler(EventStore(database, catalogue), catalogue, recent=recent)
    ids = [str(uuid4()) for _ in range(USERS)]

    def made(turn: int, user: str) -> Command[CommandData]:
        data: CommandData = UpdateUser(user_id=user, name=f"Ann {turn}")
        if turn == 0:
            data = CreateUser(user_id=user, email="ann@example.com", name="Ann")
        metadata = CommandMetadata(
            user_id="admin", correlation_id=str(uuid4()), tenant_id="tenant-1", timestamp=datetime.now(UTC)
        )
        return Command(uuid4(), data, metadata)

    return lambda turn: [partial(handler.handle, made(turn, user)) for user in ids]


@contextmanager
def _other(database_url: str, cache: bool) -> Iterator[Round]:
    ids: list[UUID] = []
    with library.people(database_url, cache=cache) as people:

        def create() -> None:
            person = library.Person(email="ann@example.com", name="Ann")
            ids.append(person.id)
            people.save(person)

        def update(person_id: UUID, name: str) -> None:
            person: library.Person = people.repository.get(person_id)
            person.update(name=name)
            people.save(person)

        yield lambda turn: [partial(update, each, f"Ann {turn}") for each in ids] if turn else [create] * USERS
