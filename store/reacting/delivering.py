"""Delivering: what is due leaves, by several threads and any number of workers, in order per key, at least once.

One thread takes what is due and stores what became of it, many together; others send. A worker that is killed leaves
leases behind, which end by themselves: what it was sending is sent again, with the same idempotency key.
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.projecting.following import Notify, poll
from acci.store.reacting.lanes import Lanes, Waiting
from acci.store.reacting.outbox import DELIVERED, Settlement, Taken, settle, take
from acci.store.reacting.own_events import append_refusal, is_told
from acci.store.reacting.routes import Routes
from acci.store.reacting.senders.sender import DeliveryRefused
from acci.store.reacting.sending import SETTLING, Sent, send_rows
from acci.store.registry import Catalogue
from acci.store.telemetry import Tracing

THREADS = 32
KEYS, ROWS = 256, 16  # taken at a time; of each key
LEASE = 30.0  # seconds, if no delivery may take longer
POLL = 0.02  # seconds
TOGETHER = 0.005  # seconds in which what is sent meanwhile is stored together
QUEUED = 2.0  # seconds that a key waits for a thread; then those of other topics come first


@dataclass
class Delivered:
    """What was done: rows that ended, by how; keys whose next row failed, whose lease was lost, that were put back."""

    ended: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    dead_letters: int = 0
    lost: int = 0
    released: int = 0

    @property
    def delivered(self) -> int:
        return self.ended[DELIVERED]

    def add(self, sent: Sent) -> None:
        """Count what became of a key."""
        self.ended.update(each.ended for each in sent.settlement.ended)
        self.failed += sent.failed
        self.released += sent.released
        self.dead_letters += sent.dead_letter is not None


class Deliverer:
    """Delivers what is due. `connection` has the role `project`, and may be replaced after it was lost.

    Of a key at most one row is under way, and the next only after it. A topic whose receiver is slow has half of the
    threads at most. `notify` is called with a reaction and a sentence for each dead letter and each lost lease.
    Delivers for the reactions `names` only, if they are given. `totals`: what it has done so far, by reaction.
    """

    def __init__(
        self,
        connection: Connection,
        catalogue: Catalogue,
        routes: Routes,
        notify: Notify,
        threads: int = THREADS,
        names: Sequence[str] | None = None,
    ) -> None:
        self.connection, self.totals = connection, defaultdict[str, Delivered](Delivered)
        self._catalogue, self._routes, self._notify, self._names = catalogue, routes, notify, names
        self._lease = max(LEASE, 2 * (routes.longest + SETTLING))
        self._lanes = Lanes(threads, self._send)
        self._unsettled: list[Sent] = []
        self._is_stopping = False
        self._stop: Callable[[], bool] = lambda: False

    def __enter__(self) -> "Deliverer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, stop: Callable[[], bool] = lambda: False) -> Delivered:
        """Deliver until nothing is due. On `stop` what is being sent is finished, and the rest put back."""
        done, self._stop = Delivered(), stop
        while True:
            self._is_stopping = self._stops()
            taken = 0 if self._is_stopping else self._take()
            self._put_back()
            if not taken and not self._unsettled and not len(self._lanes):
                return done
            self._settle(done)

    def close(self) -> None:
        """Finish what is being sent, and put back what is not begun, as far as the database can be used."""
        self._is_stopping = True
        with suppress(psycopg.Error):  # the leases end by themselves
            self.step()
        self._lanes.close()
        self._routes.close()

    def _take(self) -> int:
        """What is due, if there is room for it; how many keys."""
        room = KEYS - len(self._lanes)
        if room < KEYS // 2:
            return 0
        since = time.monotonic()
        found = take(self.connection, self._lease, room, ROWS, self._names)
        self._lanes.add([Waiting(each, self._route(each), since + self._lease, since) for each in found])
        return len(found)

    def _route(self, taken: Taken) -> str:
        if taken.rows:
            with suppress(DeliveryRefused):
                return self._routes.of(taken.rows[0]).name
        return ""

    def _send(self, waiting: Waiting) -> Sent:
        return send_rows(waiting.taken, self._routes, waiting.ends, self._stops)

    def _put_back(self) -> None:
        """What is not begun: all if it is to stop, for other workers; else what waits long for a route that is slow."""
        now = time.monotonic()
        for each in self._lanes.withdraw(now if self._is_stopping else now - QUEUED):
            delay = 0.0 if self._is_stopping else QUEUED * random.uniform(0.5, 1)  # noqa: S311 nothing secret
            taken = each.taken
            settlement = Settlement(taken.head, taken.lease, tries=taken.tries, delay=delay)
            self._unsettled.append(Sent(settlement, released=1))

    def _stops(self) -> bool:
        return self._is_stopping or self._stop()

    def _settle(self, done: Delivered) -> None:
        """Store what has been sent meanwhile; kept for later if the database is lost."""
        self._unsettled += self._lanes.collect(0 if self._unsettled else POLL, TOGETHER)
        if not self._unsettled:
            return
        with self.connection.transaction():
            lost = settle(self.connection, [each.settlement for each in self._unsettled])
            for each in self._unsettled:
                if each.settlement.head not in lost:
                    self._tell(each)
        settled, self._unsettled = self._unsettled, []
        for each in settled:
            self._count(each, each.settlement.head in lost, done)

    def _tell(self, sent: Sent) -> None:
        for each in sent.refused:
            reaction = self._catalogue.reactions.get(each.row.reaction)
            if reaction is not None and is_told(reaction, each.row.topic):
                append_refusal(self.connection, reaction, each.row, each.reason or "")

    def _count(self, sent: Sent, is_lost: bool, done: Delivered) -> None:
        settlement = sent.settlement
        total = self.totals[settlement.head.reaction]
        if is_lost:
            done.lost += 1
            total.lost += 1
            self._notify(settlement.head.reaction, "its lease ended during a delivery: what was sent is sent again.")
            return
        done.add(sent)
        total.add(sent)
        if (dead := sent.dead_letter) is not None:
            self._notify(dead.reaction, f"{dead.name} is a dead letter: {settlement.error}. Its key waits behind it.")


def deliver(
    database_url: str,
    catalogue: Catalogue,
    routes: Routes,
    stop: Callable[[], bool],
    notify: Notify,
    keys: Keys | None = None,
    tracing: Tracing | None = None,
    names: Sequence[str] | None = None,
) -> Mapping[str, Delivered]:
    """Deliver until `stop()`, looking 50 times a second; what was done, by reaction. Reconnects after a lost database.

    What was sent while the database was lost is stored afterwards, if the lease still holds. On the way out what is
    being sent is finished, and the rest put back.
    """
    deliverer: Deliverer | None = None

    def stepping(connection: Connection) -> Callable[[], int]:
        nonlocal deliverer
        made = deliverer = deliverer or Deliverer(connection, catalogue, routes, notify, names=names)
        made.connection = connection

        def step() -> int:
            return made.step(stop).ended.total()

        return step

    try:
        poll(database_url, "deliver", stepping, POLL, stop, notify, keys, tracing)
    finally:
        if deliverer is not None:
            deliverer.close()
    return deliverer.totals if deliverer else {}
