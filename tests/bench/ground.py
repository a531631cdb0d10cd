"""Where measurements take place: a server of their own, with fsync on, and databases on it."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

from acci.store.embedded.server import EmbeddedServer
from acci.store.postgres.database import connect
from acci.store.postgres.migrations import migrate
from acci.store.rebuilding import build
from acci.store.registry import load

CATALOGUE = load(["acci.domain.users", "tests.bench.activity"])
EVENTS_A_USER = 10


def text(name: str) -> LiteralString:
    """The text of a SQL file of this folder."""
    return (Path(__file__).parent / "sql" / name).with_suffix(".sql").read_text(encoding="utf-8")


class Ground:
    """An embedded PostgreSQL in `folder`, tuned as `make up` tunes it, for one run of measurements."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedServer(folder / "postgres", folder / "postgres.log")
        self._histories: dict[int, str] = {}

    @contextmanager
    def running(self) -> Iterator["Ground"]:
        """Within, the server runs."""
        self._server.start(port=0)
        try:
            yield self
        finally:
            self._server.stop()

    def database(self) -> str:
        """The URL of a new database with the whole schema and no events."""
        url = self.empty_database()
        migrate(url)
        return url

    def empty_database(self) -> str:
        """The URL of a new database with nothing in it."""
        return self._server.create_database(f"bench_{uuid.uuid4().hex}")

    def history(self, events: int) -> str:
        """The URL of the database whose log has so many events, made once; its read models are live and empty."""
        if events not in self._histories:
            url = self.database()
            with connect(url, "bench") as connection:
                for projection in CATALOGUE.projections.values():
                    build.rebuild(connection, CATALOGUE, projection)
                begin = time.monotonic()
                connection.execute(text("history"), {"events": events, "users": events // EVENTS_A_USER})
                connection.execute("VACUUM ANALYZE acci.events")
                print(f"Made a history of {events:,} events in {time.monotonic() - begin:.0f} s.", flush=True)  # noqa: T201
            self._histories[events] = url
        return self._histories[events]
