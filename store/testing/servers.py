"""The PostgreSQL that the processes of a test run share, and the databases that each test gets of its own.

A database is the copy of a template, which is made once in a run: that takes 50 ms, where to migrate takes a second.
"""

import fcntl
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from acci.store.embedded.server import EmbeddedServer
from acci.store.postgres.database import connect
from acci.store.postgres.refusals import refusal_of

EMPTY = "template1"  # the template of a database with nothing in it


class SharedServer:
    """The server at `url`, or an embedded one in `folder`, for all processes of a test run that name the same folder.

    The embedded one is not durable, so that tests are quick. Of a server at `url`, a login that may make databases and
    roles is wanted; its own database is not touched, and what is made there is dropped.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._folder, self._own = folder, url
        self._server = EmbeddedServer(folder / "postgres", folder / "postgres.log", durable=False)
        self._used: IO[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Afterwards the server runs, whichever process started it, until the last that did so has called `leave`."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._alone():
            self.url = self._own or self._server.start(port=0)
            self._say("SELECT")
            self._used = (self._folder / "used").open("a")
            fcntl.flock(self._used, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Afterwards, if no other process uses it, there is no template, nor an embedded server and its data."""
        if self._used is None:
            return
        with self._alone():
            try:
                fcntl.flock(self._used, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                self._end()
            finally:
                self._used.close()
                self._used = None

    def template(self, what: str, make: Callable[[str], object]) -> str:
        """The name of a database that `make` prepared, given its URL: once in a run for the same `what`."""
        made = self._folder / f"template-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
        with self._alone():
            if not made.exists():
                name = f"acci_template_{uuid.uuid4().hex}"
                self._say("CREATE DATABASE {}", name)
                try:
                    make(self._url_of(name))
                except BaseException:
                    self._say("DROP DATABASE {} WITH (FORCE)", name)
                    raise
                made.write_text(name)
            return made.read_text()

    @contextmanager
    def database(self, template: str = EMPTY) -> Iterator[str]:
        """The URL of a new database, a copy of the template; dropped at the end."""
        name = f"acci_test_{uuid.uuid4().hex}"
        # Copying files takes half the time that PostgreSQL's usual way takes.
        self._say("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        if template != EMPTY:  # a copy is open to everybody again
            self._say("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", name)
        try:
            yield self._url_of(name)
        finally:
            self._say("DROP DATABASE {} WITH (FORCE)", name)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _end(self) -> None:
        for made in self._folder.glob("template-*"):
            if self._own:
                self._say("DROP DATABASE {} WITH (FORCE)", made.read_text())
            made.unlink()
        if not self._own:
            self._server.stop()
            shutil.rmtree(self._folder / "postgres")

    def _url_of(self, database: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    def _say(self, statement: LiteralString, *databases: str) -> None:
        try:
            with connect(self.url, "test") as connection:
                connection.execute(sql.SQL(statement).format(*map(sql.Identifier, databases)))
        except psycopg.Error as error:
            raise refusal_of(error) or error from error
