"""The PostgreSQL that the tests share, and the databases that each of them gets of its own.

`ACCI_TEST_SERVER_URL` names a server to use instead of the embedded one, with a user who may do everything there: an
older PostgreSQL, say. Its database is not touched; what the tests make is dropped.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from acci.store.embedded.server import EmbeddedServer
from acci.store.postgres.migrations import migrate

TEMPLATE = "acci_template"
GIVEN = os.environ.get("ACCI_TEST_SERVER_URL", "")


class SharedServer:
    """One embedded server for all processes of a test run, in the run's temporary `folder`.

    Not durable, so that tests are quick: what must survive a crash of the machine needs a server of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedServer(folder / "postgres", folder / "postgres.log", durable=False)
        self.url = ""

    def start(self) -> None:
        """Afterwards the server runs and has a template with the whole schema, whichever process made it."""
        self._folder.mkdir(exist_ok=True)
        self.url = GIVEN or self._server.start(port=0)
        made = self._folder / "template_made"
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                self._say(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
                migrate(self._url_of(TEMPLATE))
                made.touch()

    def remove(self) -> None:
        """Afterwards neither the server nor its data are there."""
        if self._folder.exists():
            self._stop()
            shutil.rmtree(self._folder)

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a new database, dropped at the end; `template="template1"` gives one without any schema."""
        name = f"test_{uuid.uuid4().hex}"
        # Copying files takes half the time that PostgreSQL's usual way takes.
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._say(make.format(sql.Identifier(name), sql.Identifier(template)))
        if template != "template1":  # a copy is open to everybody again
            self._say(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        try:
            yield self._url_of(name)
        finally:
            self._say(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _stop(self) -> None:
        if not GIVEN:
            self._server.stop()
        elif (self._folder / "template_made").exists():
            self.url = GIVEN
            self._say(sql.SQL("DROP DATABASE {}").format(sql.Identifier(TEMPLATE)))

    def _url_of(self, database: str) -> str:
        return self.url.rpartition("/")[0] + "/" + database

    def _say(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)
