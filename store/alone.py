"""Being the only one: a purpose that one connection of a database has at a time."""

from psycopg import errors

from store.database import Connection
from store.statements import sql

PATIENCE = "5s"  # a process that has just ended, or was killed, may still be ending in the database


def alone(connection: Connection, purpose: str) -> bool:
    """Whether this connection has `purpose` for itself now, until it closes."""
    connection.execute(sql("locking/set_timeout"), {"timeout": PATIENCE})
    try:
        connection.execute(sql("locking/take"), {"purpose": purpose})
    except errors.LockNotAvailable:
        return False
    finally:
        connection.execute(sql("locking/reset_timeout"))
    return True
