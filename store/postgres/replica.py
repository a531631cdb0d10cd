"""A replica: the hot standby of the database that reads go to, as long as it is known to be little behind.

Nothing that decides reads it: who may decide is given the primary alone. How far it is behind is known by its primary's
log of writes and clock, not by its own: a standby that has lost its primary does not know that it is behind.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

import psycopg

from acci.domain.errors import AcciError
from acci.store.postgres.address import whereabouts
from acci.store.postgres.database import Database
from acci.store.postgres.errors import (
    Contended,
    DatabaseLost,
    DatabaseUnreachable,
    NoMemory,
    NoSession,
    NotAdmitted,
    NotSecured,
    PoolExhausted,
    ReadOnlyServer,
)
from acci.store.postgres.lending import forget_when_forked
from acci.store.postgres.refusals import TranslatedErrors, first_line, refusal_of
from acci.store.postgres.session import Role
from acci.store.postgres.statements import sql
from acci.store.settings import Limits

T = TypeVar("T")
D = TypeVar("D", bound=Database)
Errors = tuple[type[BaseException], ...]

SHORTEST, EVERY = 0.05, 1.0  # seconds between two looks at how far it is behind
MOST_LOOKS = 4  # one after the other
SELDOM = 30.0  # seconds between two looks at one that cannot be used
PATIENCE = 2  # seconds for a connection: a read has the primary to go to
BRIEF = Limits(pool_size=1, pool_wait=PATIENCE)
GONE: Errors = (DatabaseLost, DatabaseUnreachable, NoSession, NotAdmitted, NotSecured)
# A long query may be ended by what the standby replays, and some need a temporary table, which a standby has not.
ELSEWHERE: Errors = (*GONE, Contended, NoMemory, PoolExhausted, ReadOnlyServer)

log = logging.getLogger(__name__)


def never(_found: object) -> bool:
    return False


@dataclass(frozen=True)
class Lag:
    """How far the replica at `where` is behind its primary; None: not known.

    `problem` says why reads go to the primary instead; None while they go to the replica.
    """

    where: str
    seconds: float | None = None
    positions: int | None = None
    problem: str | None = None

    def __str__(self) -> str:
        said = "how far it is behind is not known" if self.seconds is None else f"{self.seconds:,.1f} s behind"
        said += "" if self.positions is None else f", {self.positions:,} positions"
        return f"The replica at {self.where}: {said}." + (
            f" Reads go to the primary: {self.problem}." if self.problem else ""
        )


class Replica(Generic[D]):
    """Reads go to `standby` while it is at most `bound` seconds behind `primary`, else to the primary.

    It is looked at once a second at most, by a read, which the others do not wait for. Safe to share between threads,
    and by a process that is forked off.
    """

    def __init__(self, primary: D, standby: D, bound: float) -> None:
        self.primary, self.standby, self.bound = primary, standby, bound
        self.where = whereabouts(standby.url)
        # Of its own: a pool whose connections are all in use would hide how far the replica is behind.
        self._at_primary = Database(primary.url, role=primary.role, limits=BRIEF, patience=PATIENCE)
        self._at_standby = Database(standby.url, role=standby.role, limits=BRIEF, patience=PATIENCE)
        self._written: deque[tuple[float, int]] = deque()  # when the primary had written how much
        self._kin: tuple[int, int] | None = None
        self._every = min(EVERY, max(bound / 4, SHORTEST))  # what was seen then is as old as that
        self._begin()
        forget_when_forked(self)

    def _begin(self) -> None:
        self._looking = threading.Lock()
        self._next = 0.0
        self._complete_at: float | None = None  # it has all that the primary had then
        self._last = Lag(self.where, problem="it was not looked at yet")
        self._pause, self._floor, self._was_read = self._every, 0, True

    def read(self, work: Callable[[D], T], lacking: Errors = (), keep: Callable[[T], bool] = never) -> T:
        """What `work` reads on the replica; on the primary, if that cannot be read, or lets `work` raise `lacking`.

        If `keep` says so of what was found, nothing that is read afterwards is older, wherever that is.
        """
        if self.lag().problem is None:
            try:
                return work(self.standby)
            except (AcciError, psycopg.Error) as error:
                refusal = error if isinstance(error, AcciError) else refusal_of(error)
                if not isinstance(refusal, (*ELSEWHERE, *lacking)):
                    raise
                if isinstance(refusal, GONE):
                    self._turn_away(refusal)
                    self._tell(self._last.problem)
        found = work(self.primary)
        if keep(found):
            self._keep()
        return found

    def lag(self) -> Lag:
        """How far it is behind now."""
        first = self._next == 0.0
        if time.monotonic() >= self._next and self._looking.acquire(blocking=first):
            try:
                if time.monotonic() >= self._next:
                    self._look_again()
            finally:
                self._looking.release()
        return self._judged(self._last)

    def catches_up(self) -> bool:
        """Whether it has all that the primary has now, within the seconds that it may be behind."""
        began = time.monotonic()
        while True:
            with self._looking:
                self._look()
            if self._last.problem is None and (self._complete_at or 0.0) >= began:
                return True
            if time.monotonic() > began + self.bound:
                return False
            time.sleep(SHORTEST)

    def close(self) -> None:
        """End every connection but those of the primary. It is not looked at any more."""
        self._next = math.inf
        for each in (self.standby, self._at_primary, self._at_standby):
            each.close()

    def leave_to_parent(self) -> object:
        """Begin again in a process that was forked off: a thread of the parent may be looking."""
        before = self._looking
        self._begin()
        return before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look_again(self) -> None:
        # After a while in which nothing was read, one look cannot tell a commit under way from a long delay.
        looks = MOST_LOOKS if time.monotonic() - self._next > self.bound else 1
        while (answers := self._look()) and looks > 1 and self._complete_at and self._judged(self._last).problem:
            time.sleep(SHORTEST)
            looks -= 1
        self._pause = self._every if answers else min(self._pause * 2, SELDOM)
        self._next = time.monotonic() + self._pause
        self._tell(self._judged(self._last).problem)

    def _look(self) -> bool:
        """Whether it answers."""
        began = time.monotonic()
        try:
            here = _asked(self._at_standby, "postgres/replica:replica", {})
        except (AcciError, psycopg.Error) as error:
            self._turn_away(error)
            return False
        there = None
        with suppress(AcciError, psycopg.Error):  # then it is known only by what the primary had written before
            there = _asked(self._at_primary, "postgres/replica:primary", {"last_commit": here["last_commit"]})
        problem = self._unfit(here, there)
        complete = None if problem is not None else self._last_complete(began, here, there)
        self._complete_at = None if here["replayed"] < self._floor else complete
        positions = None if there is None else max(0, there["head"] - here["head"])
        self._last = Lag(self.where, positions=positions, problem=problem)
        return True

    def _last_complete(self, began: float, here: dict[str, Any], there: dict[str, Any] | None) -> float | None:
        """The last time at which the replica has all that the primary had then."""
        known = []
        if there is not None:
            self._floor = min(self._floor, there["written"])  # a failover may have lost what was above
            while self._written and self._written[-1][1] > there["written"]:
                self._written.pop()
            self._written.append((began, there["written"]))
            if there["seconds"] is not None:
                known.append(began - there["seconds"])
        while self._written and self._written[0][0] < began - self.bound - SELDOM:
            self._written.popleft()
        return max(known + [at for at, written in self._written if written <= here["replayed"]], default=None)

    def _unfit(self, here: dict[str, Any], there: dict[str, Any] | None) -> str | None:
        """Why it is no replica of this primary; None if it is one."""
        kin = (here["system"], here["database"])
        if there is not None:
            self._kin = (there["system"], there["database"])
            if here["started"] == there["started"] and kin == self._kin:
                return "ACCI_READ_URL leads to the primary itself, as after a failover; let it name a standby"
        if self._kin is not None and kin != self._kin:
            return "ACCI_READ_URL leads to another database, no standby of this one"
        if not here["standby"]:
            return "ACCI_READ_URL leads to a server that is no standby"
        if there is not None and here["replayed"] > there["written"]:
            return "it has what the primary has not, as a standby that did not follow a failover; make it again"
        return None

    def _judged(self, last: Lag) -> Lag:
        if last.problem is not None:
            return last
        complete_at = self._complete_at  # once: another thread may look meanwhile
        if complete_at is None:
            return replace(last, problem="how far it is behind is not known")
        seconds = round(max(0.0, time.monotonic() - complete_at), 3)
        late = (
            f"it is {seconds:,.1f} s behind, and ACCI_READ_LAG allows {self.bound:g}" if seconds > self.bound else None
        )
        return replace(last, seconds=seconds, problem=late)

    def _turn_away(self, error: BaseException) -> None:
        said = str(getattr(error, "reason", "") or first_line(error))
        self._last, self._complete_at = Lag(self.where, problem=f"it cannot be used ({said})"), None

    def _tell(self, problem: str | None) -> None:
        """Say it once, when it begins and when it is over."""
        if self._was_read and problem is not None:
            log.warning("The replica at %s is not read: %s. Reads go to the primary.", self.where, problem)
        elif problem is None and not self._was_read:
            log.warning("The replica at %s is read again.", self.where)
        self._was_read = problem is None

    def _keep(self) -> None:
        """Afterwards the replica is not read before it has what the primary has now."""
        written = _asked(self.primary, "postgres/replica:primary", {"last_commit": None})["written"]
        with self._looking:
            self._floor = max(self._floor, written)
            self._complete_at = None
            if self._next != math.inf:
                self._next = min(self._next, time.monotonic())


def lag_of(primary_url: str, standby_url: str, bound: float, role: Role) -> Lag:
    """How far the replica is behind, looked at once by connections of its own with the rights of `role`."""
    with Database(primary_url, role=role, limits=BRIEF, patience=PATIENCE) as primary:
        standby = Database(standby_url, role=role, limits=BRIEF, patience=PATIENCE)
        with Replica(primary, standby, bound) as replica:
            return replica.lag()


def _asked(database: Database, statement: str, parameters: dict[str, Any]) -> dict[str, Any]:
    with TranslatedErrors(), database.connection() as connection:
        cursor = connection.execute(sql(statement), parameters)
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))
