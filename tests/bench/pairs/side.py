"""One side of a comparison: reads the name of a subject a line, does it once, and answers with what it cost, as JSON.

It runs with the checkout to be measured on PYTHONPATH, and therefore uses only what both have.
"""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.users.user import CreateUser, UpdateUser
from acci.domain.users.user_view import UserView
from acci.store.commands.handler import RECENT, CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import load
from tests.bench.activity import UserFold, UserRows
from tests.bench.append_latency import new_event
from tests.bench.catch_up import catch_up
from tests.bench.ground import Ground
from tests.bench.rebuild import rebuild

EVENTS, FOLDED, COMMANDS, APPENDS = 300_000, 50_000, 4000, 8000
A_USER = 10  # commands
Subject = Callable[[], tuple[int, float]]  # how many, and the seconds


class Server:
    """What the server has used so far."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        row = self._connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone() or ("",)
        self._postmaster = int(row[0].split()[0])

    def wal(self) -> int:
        """Bytes."""
        row = self._connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone() or (0,)
        return int(row[0])

    def processor(self) -> float:
        """Seconds of all its processes, also of those that have ended."""
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        return (_ticks(self._postmaster, 4) + sum(_ticks(int(child), 2) for child in children)) / 100


def _ticks(pid: int, fields: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended, before or while it was read
        return 0
    return sum(int(each) for each in stat.rpartition(")")[2].split()[11 : 11 + fields])


def subjects(ground: Ground) -> Iterator[tuple[str, Subject]]:
    """Every one, by name; each has its database made and its connections open."""
    catalogue = load(["acci.domain.users"])
    for threads in (1, 32):
        database = Database(ground.database(), size=threads)
        store = EventStore(database, catalogue)

        def append(store: EventStore = store, threads: int = threads) -> tuple[int, float]:
            events = [new_event() for _ in range(APPENDS)]
            with ThreadPoolExecutor(threads) as pool:
                began = time.perf_counter()
                list(pool.map(lambda event: store.append(event.stream, 0, [event]), events))
                return APPENDS, time.perf_counter() - began

        yield f"append, {threads}", append
    for name, recent in (("commands", RECENT), ("commands, loading", 0)):
        database = Database(ground.database(), size=1)
        handler = CommandHandler(EventStore(database, catalogue), catalogue, recent=recent)

        def handle(handler: CommandHandler = handler) -> tuple[int, float]:
            """Users are created, then changed in turns."""
            users = [str(uuid4()) for _ in range(COMMANDS // A_USER)]
            created = [CreateUser(user_id=user, email="ann@example.com", name="Ann") for user in users]
            changed = [UpdateUser(user_id=user, name=f"Ann {turn}") for turn in range(A_USER - 1) for user in users]
            made = [_command(data) for data in (*created, *changed)]
            began = time.perf_counter()
            for command in made:
                handler.handle(command)
            return COMMANDS, time.perf_counter() - began

        yield name, handle
    url, folded = ground.history(EVENTS), ground.history(FOLDED)
    yield "rebuild", lambda: (EVENTS, rebuild(url, UserView))
    yield "rebuild, no index", lambda: (EVENTS, rebuild(url, UserRows))
    yield "catch-up", lambda: (EVENTS, catch_up(url, UserView))
    yield "catch-up, no index", lambda: (EVENTS, catch_up(url, UserRows))
    yield "fold in Python", lambda: (FOLDED, rebuild(folded, UserFold, 1))


def _command(data: CommandData) -> Command[CommandData]:
    metadata = CommandMetadata(
        user_id="admin", correlation_id=str(uuid4()), tenant_id="tenant-1", timestamp=datetime.now(UTC)
    )
    return Command(uuid4(), data, metadata)


@contextmanager
def _running(folder: Path) -> Iterator[Ground]:
    folder.chmod(0o755)  # an older embedded server, as root, needs it
    with Ground(folder).running() as ground:
        yield ground


def main() -> None:
    """Until there are no more lines; Ctrl-C is for who reads the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers, sys.stdout = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as ground:
        ready = dict(subjects(ground))
        server = Server(ground.database())
        print(json.dumps(list(ready)), file=answers, flush=True)
        for line in sys.stdin:
            wal, cpu, own = server.wal(), server.processor(), time.process_time()
            number, seconds = ready[line.strip()]()
            cost = {
                "rate": number / seconds,
                "client processor": (time.process_time() - own) / number,
                "server processor": (server.processor() - cpu) / number,
                "WAL": (server.wal() - wal) / number,
            }
            print(json.dumps(cost), file=answers, flush=True)


if __name__ == "__main__":
    main()
