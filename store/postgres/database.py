"""Connections to PostgreSQL: a pool for short statements, a connection of one's own for long work."""

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import RV, PQGen
from psycopg.types.json import set_json_loads
from pydantic_core import from_json

from acci.domain.errors import AcciError
from acci.store.postgres.address import whereabouts
from acci.store.postgres.errors import PoolExhausted
from acci.store.postgres.keys import Keys
from acci.store.postgres.lending import Loan, forget_when_forked
from acci.store.postgres.lock_waits import holders
from acci.store.postgres.refusals import unreached
from acci.store.postgres.sequence import require_sequence
from acci.store.postgres.session import Role, SharedSession, begin, duration
from acci.store.postgres.statements import sql
from acci.store.settings import Limits
from acci.store.telemetry import Tracing
from acci.store.values import calendar

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool


T = TypeVar("T")


def _json(text: str | bytes) -> Any:
    """What the JSON says; the text itself if it nests too deeply for Python, or has a number too long for it."""
    try:
        return from_json(text)  # three times as fast as the standard library's
    except ValueError:
        return text if isinstance(text, str) else text.decode()


set_json_loads(_json)
calendar.read_every_moment()

NO_LIMITS = Limits()
PATIENCE = 10  # seconds for a connection to be made
LOCK_WAIT, LONG_LOCK_WAIT = "10s", "5min"  # of an application, and of long work


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection with a cursor at hand. `own` is false where a pooler may give each transaction another session.

    `keys` are those of the personal data in this log; None if it has none, or they are not to be read.
    `tracing` is where its batches are traced to, if anywhere.
    """

    own = True
    keys: Keys | None = None
    tracing: Tracing | None = None

    @cached_property
    def at_hand(self) -> psycopg.Cursor[tuple[Any, ...]]:
        """For statements whose rows are fetched before the next is sent. To make a cursor is a tenth of an append."""
        return self.cursor()

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """As the driver waits for the server; adds to a lock timeout who holds the lock."""
        try:
            return super().wait(gen, *args, **kwargs)
        except errors.LockNotAvailable as error:
            if found := holders(self.info):
                error.add_note(f"held by {found}")
            raise

    def require_own(self) -> None:
        """Before something is left in the session. Raises `SharedSession`."""
        if not self.own:
            raise SharedSession(f"{self.info.host}:{self.info.port}/{self.info.dbname}")

    def bound_lock_waits(self, timeout: str) -> None:
        """Wait no longer for a lock, where the session has no bound; one of a pooler's has what its login brings."""
        if self.own:
            self.execute(sql("postgres/locks:limit_wait"), {"timeout": timeout})


def connect(
    url: str,
    purpose: str,
    role: Role | None = None,
    *,
    shared: bool = False,
    keys: Keys | None = None,
    tracing: Tracing | None = None,
) -> Connection:
    """A connection of one's own, in autocommit, with the rights of `role`; `purpose` shows in `pg_stat_activity`.

    `shared`: nothing is left in the session between transactions, so a pooler in transaction mode may be in between.
    `keys`: those of the personal data in this log, for what reads or stores it. `tracing`: where its batches are
    traced to.
    Raises `DatabaseUnreachable`, `NoSession`, `NotAdmitted`, `SharedSession`, `WrongSession`, `NotAllowed` if the
    login may not take the role, `SchemaMissing` if there is none.
    """
    opened = _connected(url, purpose, role, {}, shared, PATIENCE)
    opened.keys, opened.tracing = keys, tracing
    opened.bound_lock_waits(LONG_LOCK_WAIT)
    return opened


def _connected(
    url: str, purpose: str, role: Role | None, settings: dict[str, str], shared: bool, patience: int
) -> Connection:
    where = whereabouts(url)
    try:
        opened = Connection.connect(url, **_how(f"acci {purpose}", patience))
    except psycopg.OperationalError as error:
        raise unreached(where, error) from error
    try:
        _begin(opened, where, role, settings, shared)
    except BaseException:
        opened.close()
        raise
    return opened


def _begin(opened: Connection, where: str, role: Role | None, settings: dict[str, str], shared: bool) -> None:
    try:
        opened.own = begin(opened, where, role, settings, shared)
        if role == "append":
            require_sequence(opened)
    except psycopg.OperationalError as error:
        raise unreached(where, error) from error
    if not opened.own:
        opened.prepare_threshold = None  # the next statement may run in another session, without what was prepared


def _how(application_name: str, patience: int) -> dict[str, Any]:
    """Autocommit, and statements prepared at first use."""
    return {
        "autocommit": True, "prepare_threshold": 0, "application_name": application_name, "client_encoding": "UTF8",
        "connect_timeout": patience,
    }  # fmt: skip


class Database:
    """A thread-safe pool of connections to one database, with the rights of `role`; opens at first use.

    A pooler in transaction mode may be in between if the login brings the role and all that ACCI relies on. A process
    that is forked off opens a pool of its own. `size` is used instead of the limits' own. `keys` are those of the
    personal data in its log; `tracing` is where commands, appends and batches are traced to, if anywhere.
    A connection is made within `patience` seconds, or not at all.
    """

    def __init__(
        self,
        url: str,
        size: int | None = None,
        role: Role | None = None,
        limits: Limits = NO_LIMITS,
        keys: Keys | None = None,
        tracing: Tracing | None = None,
        patience: int = PATIENCE,
    ) -> None:
        self.url = url
        self.keys = keys
        self.tracing = tracing
        self.role = role
        self.size, self._wait, self._patience = size or limits.pool_size, limits.pool_wait, patience
        given = {"statement_timeout": limits.statement_timeout, "lock_timeout": limits.lock_timeout}
        self._settings = {name: duration(seconds) for name, seconds in given.items() if seconds is not None}
        self._opening = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None
        forget_when_forked(self)

    def connection(self) -> Loan[Connection]:
        """Lend a connection in autocommit; it comes back whole on every path, or is thrown away.

        Raises `PoolExhausted` when none becomes free, and what `connect` raises.
        """
        return Loan(self._pool or self._opened(), self._none_free)

    def read(self, work: Callable[[Self], T], lacking: object = (), keep: object = None) -> T:  # noqa: ARG002
        """What `work` reads here: as `Replica.read`, where there is none."""
        return work(self)

    def _none_free(self) -> AcciError:
        self._probe()  # says what is wrong, if it is the server
        return PoolExhausted(whereabouts(self.url), self.size, self._wait)

    def _probe(self) -> None:
        _connected(self.url, "probe", self.role, self._settings, shared=True, patience=self._patience).close()

    def _configure(self, opened: Connection) -> None:
        _begin(opened, whereabouts(self.url), self.role, self._settings, shared=True)
        opened.keys, opened.tracing = self.keys, self.tracing
        if "lock_timeout" not in self._settings:
            opened.bound_lock_waits(LOCK_WAIT)

    def close(self) -> None:
        """End every connection. The database can be used again afterwards."""
        with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def leave_to_parent(self) -> object:
        """Forget the pool without a word to the server: its connections are those of the process that forked."""
        pool, self._pool, self._opening = self._pool, None, threading.Lock()
        return pool

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> "ConnectionPool[Connection]":
        from psycopg_pool import ConnectionPool  # imported here: a command without a pool should not wait for it

        with self._opening:
            if self._pool is None:
                self._probe()  # the pool would only say that it timed out
                self._pool = ConnectionPool(
                    self.url,
                    min_size=1,
                    max_size=self.size,
                    timeout=self._wait,
                    connection_class=Connection,
                    configure=self._configure,
                    open=True,
                    kwargs=_how("acci", self._patience),
                )
            return self._pool
