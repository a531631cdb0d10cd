"""What the running embedded server is asked for over SQL: databases, and how its sessions are set."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from acci.store.embedded import libpq_environment
from acci.store.embedded.server_settings import OF_SESSIONS
from acci.store.postgres.database import Connection, connect


def create_database(url: str, name: str) -> None:
    """Afterwards the server at `url` has a database `name`."""
    with _connected(url) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def set_sessions(url: str) -> None:
    """Afterwards every new session of the server at `url` begins with its settings for sessions."""
    with _connected(url) as connection:
        for name, value in OF_SESSIONS.items():
            parts = sql.Identifier(name), sql.Literal(value)
            connection.execute(sql.SQL("ALTER ROLE ALL SET {} = {}").format(*parts))


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    with libpq_environment.ignored(), connect(url, "embedded server") as connection:
        yield connection
