"""Rewinds: a reaction decides events once more, on purpose, and what follows from them is sent once more.

Under a number of its own, which is part of every idempotency key: a receiver takes what a rewind sends for new.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from acci.domain.errors import AcciError
from acci.domain.reactions import Reaction, Start
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.fired_timers import fired_before
from acci.store.reacting.registrations import Registration, lock, position_of, registration
from acci.store.reacting.retrying import NoReason
from acci.store.reacting.simulating import CANCEL, Simulated, SimulatedEffect, simulate
from acci.store.registry import Catalogue

EXAMPLES = 5


class NotDecidedYet(AcciError):
    """A position was named to which a reaction has not come."""

    reaction: str
    position: int
    checkpoint: int

    sentence = (
        "{reaction} has come to position {checkpoint}, and not to {position} yet. Give a position up to that, or wait."
    )


@dataclass(frozen=True)
class Rewound:
    """A rewind that was made."""

    rewind: int
    position: int
    reason: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True)
class Plan:
    """What a rewind to `position` would have decided and sent by the time that it is at `checkpoint` again.

    `effects`: how many of each kind and topic are sent. `timers`: set and not cancelled after; of these `timers_due` at
    once. `dropped_timers`: pending ones that go, unless they are set again. `failing`: dead letters; `waiting`: events
    behind those. `pending`: effects decided before and not delivered yet, which are delivered all the same.
    """

    reaction: str
    position: int
    checkpoint: int
    rewind: int
    events: int
    effects: dict[tuple[str, str], int]
    examples: tuple[Simulated, ...]
    timers: int
    timers_due: int
    dropped_timers: int
    failing: int
    waiting: int
    pending: int


def plan_rewind(
    connection: Connection, catalogue: Catalogue, reaction: type[Reaction], to: Start, examples: int = EXAMPLES
) -> Plan:
    """What a rewind to the position, moment or beginning `to` would do. Nothing is changed.

    Raises `NotRegistered`, `NotDecidedYet`, `StartBeyondLog`, `WrongTimestamp`. Outside a transaction.
    """
    here = registration(connection, reaction.name)
    position = position_of(connection, reaction.name, to, high_water.establish(connection))
    _require_decided(here, position)
    counted = _Counted(examples)
    for each in simulate(connection, catalogue, reaction, position, here.checkpoint):
        counted.add(each)
    timers = counted.left(fired_before(connection, reaction.name, here.rewind + 1, counted.set_by()))
    after = {"reaction": reaction.name, "position": position}
    dropped = connection.execute(sql("reacting/timers:set_after"), after).fetchone()
    pending = connection.execute(sql("reacting/outbox:count"), after).fetchone()
    now = datetime.now(UTC)
    return Plan(
        reaction.name,
        position,
        here.checkpoint,
        here.rewind + 1,
        counted.events,
        dict(sorted(counted.effects.items())),
        tuple(counted.examples),
        len(timers),
        sum(due <= now for due in timers),
        dropped[0] if dropped else 0,
        counted.failing,
        counted.waiting,
        pending[0] if pending else 0,
    )


def rewind(connection: Connection, reaction: str, position: int, reason: str) -> Registration:
    """Have every event after `position` decided again, under the rewind's number; the reaction as it is then.

    Atomic. What was decided stays recorded. What of it is still in the outbox stays there and is delivered, before what
    the rewind decides for the same key. Events after `position` that could not be decided, or were discarded, are
    decided again too; dead letters up to it stay, and so do those of deliveries. States are folded again, without what
    is after `position`.

    Timers set by events after `position` are dropped, and set again by the new decisions; but not one that fired
    already: its event is a fact of the log, and is decided again in its place, as is every refusal of a command. One
    set by an earlier event that was cancelled or replaced after `position` does not come back.

    Paused or not, it stays so. Raises `NoReason`, `NotDecidedYet` beyond the checkpoint, `NotRegistered`.
    """
    if not reason.strip():
        raise NoReason(f"A rewind of {reaction}")
    with connection.transaction():
        here = lock(connection, reaction, wait=True)
        _require_decided(here, position)
        made = {"reaction": reaction, "rewind": here.rewind + 1, "position": position, "reason": reason}
        connection.execute(sql("reacting/reactions:record_rewind"), made)
        connection.execute(sql("reacting/processes:drop_all"), made)
        connection.execute(sql("reacting/undecided:rewound"), made)
        connection.execute(sql("reacting/timers:rewound"), made)
        (row,) = connection.execute(sql("reacting/reactions:rewind"), made).fetchall()
    return Registration(*row)


def rewinds(connection: Connection, reaction: str) -> list[Rewound]:
    """Those that were made, in order."""
    rows = connection.execute(sql("reacting/reactions:rewinds"), {"reaction": reaction}).fetchall()
    return [Rewound(*row) for row in rows]


def _require_decided(here: Registration, position: int) -> None:
    if position > here.checkpoint:
        raise NotDecidedYet(here.reaction, position, here.checkpoint)


class _Counted:
    """What was simulated, counted; of timers the last of a key and name."""

    def __init__(self, examples: int) -> None:
        self._most = examples
        self._timers: dict[tuple[str, str, str], tuple[UUID, int, datetime] | None] = {}
        self.effects: Counter[tuple[str, str]] = Counter()
        self.examples: list[Simulated] = []
        self.events = self.failing = self.waiting = 0

    def add(self, each: Simulated) -> None:
        self.failing += each.error is not None
        self.waiting += each.waits
        self.events += each.error is None and not each.waits
        for ordinal, effect in enumerate(each.effects):
            if effect.timer is None:
                self.effects[effect.kind, effect.topic] += 1
            else:
                self._timers[each.tenant_id, each.key or "", effect.timer] = _timer(each, ordinal, effect)
        if each.effects and len(self.examples) < self._most:
            self.examples.append(each)

    def set_by(self) -> list[tuple[UUID, int]]:
        return [(event_id, ordinal) for event_id, ordinal, _ in filter(None, self._timers.values())]

    def left(self, fired: Collection[tuple[UUID, int]]) -> list[datetime]:
        return [
            due for event_id, ordinal, due in filter(None, self._timers.values()) if (event_id, ordinal) not in fired
        ]


def _timer(each: Simulated, ordinal: int, effect: SimulatedEffect) -> tuple[UUID, int, datetime] | None:
    return None if effect.kind == CANCEL or effect.due is None else (each.event_id, ordinal, effect.due)
