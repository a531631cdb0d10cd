"""Advisory locks: a purpose that at most one connection of a database has at a time."""

from psycopg import errors

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

PATIENCE = "5s"  # the session of a process that has just ended, or was killed, may still be ending


def try_lock(connection: Connection, purpose: str) -> bool:
    """Whether this connection holds the lock for `purpose` now, until it closes."""
    try:
        with connection.transaction():
            connection.execute(sql("postgres/locks:advisory"), {"purpose": purpose, "timeout": PATIENCE})
    except errors.LockNotAvailable:
        return False
    return True
