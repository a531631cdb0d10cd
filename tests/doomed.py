"""A PostgreSQL to be killed, all its processes at once."""

import threading
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from store.embedded import EmbeddedServer


class Doomed:
    """One in `folder`. What it has committed outlives the kill, though not the end of the machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedServer(folder, folder / "log", durable=False)
        self._is_dead = threading.Event()

    def start(self, port: int = 0) -> str:
        """Afterwards it runs; the URL of its database."""
        return self._server.start(port=port)

    def kill(self) -> None:
        postmaster = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        everybody = [postmaster, *postmaster.children(recursive=True)]
        for process in everybody:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everybody, 30)
        self._is_dead.set()

    def start_again(self, port: int = 0) -> str:
        """Once it is dead: a client may hear of its end before all of it has ended."""
        assert self._is_dead.wait(60)
        self._is_dead.clear()
        return self.start(port)

    def stop(self) -> None:
        self._server.stop()

    def url(self, database: str) -> str:
        found = self._server.running_url(database)
        assert found is not None
        return found

    def create(self, database: str, template: str) -> None:
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(make.format(sql.Identifier(database), sql.Identifier(template)))
