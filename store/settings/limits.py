"""The bounds of an application's pool."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How many connections an application's pool has, and how long it waits: seconds.

    None leaves it to the login and the server; for a lock that is waited for without any bound there, it means 10 s.

    pool_size: connections to the database at most (ACCI_POOL_SIZE).
    pool_wait: for one of them to become free (ACCI_POOL_WAIT).
    statement_timeout: for one statement of the pool (ACCI_STATEMENT_TIMEOUT).
    lock_timeout: for one lock of such a statement (ACCI_LOCK_TIMEOUT).
    """

    pool_size: int = 10
    pool_wait: float = 30.0
    statement_timeout: float | None = None
    lock_timeout: float | None = None
