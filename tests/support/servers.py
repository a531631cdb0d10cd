"""The PostgreSQL that the tests share; unless they ask for another, their databases have the whole schema.

`ACCI_TEST_DATABASE_URL` names a server to use instead of the embedded one, with a user who may do everything there: an
older PostgreSQL, say.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acci.store.postgres.migrations import migrate
from acci.store.testing import servers

GIVEN = os.environ.get("ACCI_TEST_DATABASE_URL") or None


class SharedServer(servers.SharedServer):
    """One server for all processes of a test run, in the run's temporary `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, GIVEN)

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """The URL of a new database, dropped at the end; `template="template1"` gives one without any schema."""
        with super().database(template or self.template("schema", migrate)) as url:
            yield url
