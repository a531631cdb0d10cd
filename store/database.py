"""Connections to PostgreSQL: a pool for short statements, a connection of one's own for long work."""

import os
import re
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import psycopg
from psycopg import errors
from psycopg.abc import RV, PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads
from pydantic_core import from_json

from domain.errors import AcciError
from store import calendar
from store.lock_waits import holders

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

set_json_loads(from_json)  # three times as fast as the standard library's
calendar.read_every_moment()

# The rights that a session takes, made by sql/migrations/0020_roles.sql; without one it has those of its login.
Role = Literal["append", "project", "read", "administer"]

# What may go away by itself: the connection, the server's readiness, a lock, a conflict between transactions.
TRANSIENT = (
    psycopg.OperationalError,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.IdleInTransactionSessionTimeout,
)
# OperationalError's children that trying again does not mend.
LASTING = (errors.DiskFull, errors.InvalidPassword, errors.InvalidAuthorizationSpecification)
UNDEFINED = (errors.InvalidSchemaName, errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn)
FORM = "it is not of the form postgresql://user:password@host:port/database, special characters percent-encoded"


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection with a cursor at hand."""

    @cached_property
    def at_hand(self) -> psycopg.Cursor[tuple[Any, ...]]:
        """For statements whose rows are fetched before the next is sent. To make a cursor is a tenth of an append."""
        return self.cursor()

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """As the driver waits for the server; a lock that was waited for in vain is told with who holds it."""
        try:
            return super().wait(gen, *args, **kwargs)
        except errors.LockNotAvailable as error:
            if found := holders(self.info):
                error.add_note(f"held by {found}")
            raise


@dataclass(eq=False, repr=False)
class DatabaseUnreachable(AcciError):
    """No connection to the database; `where` names it without its password."""

    transient: ClassVar[bool] = True

    where: str
    reason: str

    def __str__(self) -> str:
        return (
            f"The database at {self.where} cannot be reached: {self.reason}. "
            "Start it with `make up`, or correct ACCI_DATABASE_URL."
        )


@dataclass(eq=False, repr=False)
class DatabaseLost(AcciError):
    """The connection ended while it was used."""

    transient: ClassVar[bool] = True

    reason: str

    def __str__(self) -> str:
        return (
            f"The connection to the database was lost: {self.reason}. What was committed stays; run the same again "
            "when the database is back."
        )


@dataclass(eq=False, repr=False)
class NoRoom(AcciError):
    """The disk of the database is full; `reason` is what PostgreSQL could not write."""

    reason: str

    def __str__(self) -> str:
        return (
            f"The database's disk is full: {self.reason}. What was committed stays; make room and run the same again."
        )


@dataclass(eq=False, repr=False)
class SchemaMissing(AcciError):
    """The database lacks something that the migrations make; `reason` is what PostgreSQL missed."""

    reason: str

    def __str__(self) -> str:
        return f"The database has no ACCI schema, or that of an older ACCI ({self.reason}). Run `acci migrate`."


@dataclass(eq=False, repr=False)
class NotAllowed(AcciError):
    """The database's user lacks a right."""

    reason: str

    def __str__(self) -> str:
        return (
            f"The database's user may not do this: {self.reason}. Use another user, or grant the "
            "right; if ACCI was updated, run `acci migrate` first."
        )


def refusal_of(error: BaseException) -> AcciError | None:
    """What a person is told of an error that PostgreSQL raised for a reason outside the program; None for a fault."""
    if isinstance(error, UNDEFINED):
        missing = first_line(error)
        return SchemaMissing(missing) if "acci" in missing else None
    if isinstance(error, errors.InsufficientPrivilege):
        return NotAllowed(first_line(error))
    if isinstance(error, errors.DiskFull):
        return NoRoom(first_line(error))
    if isinstance(error, psycopg.OperationalError | errors.IdleInTransactionSessionTimeout):
        return DatabaseLost(first_line(error))
    return None


def is_transient(error: BaseException) -> bool:
    """Whether the same again may succeed: a lost connection, a deadlock, a serialization failure."""
    if isinstance(error, AcciError):
        return error.transient
    return isinstance(error, TRANSIENT) and not isinstance(error, LASTING)


def whereabouts(url: str) -> str:
    """`host:port/database` of a connection URL; never the user's name or password. Raises `DatabaseUnreachable`."""
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        known = {"port": "unreadable"}
    host, port = str(known.get("host", "localhost")), str(known.get("port", 5432))
    # An @, : or / that was not encoded puts a part of the password where the host or the port is read.
    if "@" in host or not port.replace(",", "").isdigit():
        raise DatabaseUnreachable("the address in ACCI_DATABASE_URL", FORM) from None
    return f"{host}:{port}/{known.get('dbname', '')}"


def connect(url: str, purpose: str, role: Role | None = None) -> Connection:
    """A connection of one's own, in autocommit, with the rights of `role`; `purpose` shows in `pg_stat_activity`.

    Raises `DatabaseUnreachable`, `NotAllowed` if the login may not take the role, `SchemaMissing` if there is none.
    """
    where = whereabouts(url)
    try:
        return Connection.connect(url, **_how(url, f"acci {purpose}", role), connect_timeout=10)
    except psycopg.OperationalError as error:
        raise _refused(error, role) or DatabaseUnreachable(where, first_line(error)) from error


def options_of(role: Role | None) -> str:
    """What a session begins with: the role's rights, and moments in UTC, since elsewhere an hour may come twice."""
    return "-c TimeZone=UTC" if role is None else f"-c TimeZone=UTC -c role=acci_{role}"


def _how(url: str, application_name: str, role: Role | None) -> dict[str, Any]:
    """Autocommit, and statements prepared at first use."""
    options = f"{conninfo_to_dict(url).get('options') or ''} {options_of(role)}"
    return {
        "autocommit": True, "prepare_threshold": 0, "application_name": application_name, "options": options.strip()
    }  # fmt: skip


def _refused(error: psycopg.OperationalError, role: Role | None) -> AcciError | None:
    """A server that refuses to begin a session gives no SQLSTATE; it names right or role in its own language."""
    if re.search(r"\bCONNECT\b", str(error)):
        reason = first_line(error).rpartition("FATAL:")[2].strip()
        return NotAllowed(f"{reason}; let its owner run GRANT CONNECT ON DATABASE … TO this user")
    said = [line for line in str(error).splitlines() if f"acci_{role}" in line]
    if not said:
        return None
    reason = said[0].rpartition("FATAL:")[2].strip()
    return SchemaMissing(reason) if "not exist" in reason or "invalid value" in reason else NotAllowed(reason)


def first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__


class Loan:
    """A pool's connection for the length of a `with`. As a generator, lending took half as long again."""

    __slots__ = ("_connection", "_none_free", "_pool")

    def __init__(self, pool: "ConnectionPool[Connection]", none_free: Callable[[], DatabaseUnreachable]) -> None:
        self._pool = pool
        self._none_free = none_free

    def __enter__(self) -> Connection:
        try:
            self._connection = self._pool.getconn(timeout=30)
        except psycopg.OperationalError as error:  # PoolTimeout
            raise self._none_free() from error
        return self._connection

    def __exit__(self, *_: object) -> None:
        broken = self._connection.broken
        self._pool.putconn(self._connection)
        if broken:
            self._pool.check()  # the others are probably lost as well; the next borrower shall not find out


class Database:
    """A thread-safe pool of connections to one database, with the rights of `role`; opens at first use.

    A process that is forked off opens one of its own.
    """

    def __init__(self, url: str, size: int = 10, role: Role | None = None) -> None:
        self.url = url
        self._role = role
        self._size = size
        self._opening = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None
        _DATABASES.add(self)

    def connection(self) -> "Loan":
        """Lend a connection in autocommit; it comes back whole on every path, or is thrown away.

        Raises `DatabaseUnreachable` when none can be had.
        """
        return Loan(self._pool or self._opened(), self._none_free)

    def _none_free(self) -> DatabaseUnreachable:
        connect(self.url, "probe", self._role).close()  # says what is wrong, if it is the server
        return DatabaseUnreachable(whereabouts(self.url), "no free connection within 30 s")

    def close(self) -> None:
        """End every connection. The database can be used again afterwards."""
        with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def leave_to_parent(self) -> None:
        """Forget the pool without a word to the server: its connections are those of the process that forked."""
        if self._pool is not None:
            _OF_PARENTS.append(self._pool)  # never collected, since that would end it
        self._pool, self._opening = None, threading.Lock()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> "ConnectionPool[Connection]":
        from psycopg_pool import ConnectionPool  # here, as a command that uses no pool should not wait for it

        with self._opening:
            if self._pool is None:
                connect(self.url, "probe", self._role).close()  # the pool would only say that it timed out
                self._pool = ConnectionPool(
                    self.url,
                    min_size=1,
                    max_size=self._size,
                    connection_class=Connection,
                    open=True,
                    kwargs=_how(self.url, "acci", self._role),
                )
            return self._pool


_DATABASES: "weakref.WeakSet[Database]" = weakref.WeakSet()
_OF_PARENTS: "list[ConnectionPool[Connection]]" = []


def _leave_to_parent() -> None:
    for database in list(_DATABASES):
        database.leave_to_parent()


os.register_at_fork(after_in_child=_leave_to_parent)
