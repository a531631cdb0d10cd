"""Where reactions stand: what is undecided, undelivered, dead, parked or due; read in milliseconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from acci.domain.events import by_stored_name
from acci.domain.reactions import OWN_EVENTS, Reaction
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

COUNTED = 20_000  # events, rows, keys, timers; more are not counted
SOUGHT = 10_000  # rows of the outbox, among which the oldest is sought
RUNS, PAUSED, NOT_STARTED, BEYOND, GONE = "runs", "paused", "not started", "beyond the log", "class is gone"


@dataclass(frozen=True)
class ReactionStatus:
    """One reaction: `state` is runs, paused, not started, beyond the log or class is gone; `reason`: why it is paused.

    lag_events, lag_seconds: those of its events that are undecided, and how long the oldest waits. `lag_is_exact` is
    false where they are an upper bound: the distance in positions, and the time since an event before the oldest.
    pending: effects that are not delivered, those of dead letters too. undelivered_seconds: how long the oldest that
    waits behind no dead letter has waited. dead_letters: events that could not be decided and effects that could not be
    delivered, with their keys parked behind them. timers: not yet due; timers_due: to be fired now. More than 20,000
    of anything are not counted.
    """

    reaction: str
    state: str
    checkpoint: int = 0
    rewind: int = 0
    lag_events: int = 0
    lag_is_exact: bool = True
    lag_seconds: float = 0.0
    pending: int = 0
    undelivered_seconds: float = 0.0
    dead_letters: int = 0
    parked_keys: int = 0
    timers: int = 0
    timers_due: int = 0
    advanced_at: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str | None = None
    reason: str | None = None

    @property
    def remedy(self) -> str | None:
        """The command that has it run; None if it does, or if there is none."""
        if self.state in (NOT_STARTED, BEYOND):
            return f"acci run react {self.reaction}"
        return f"acci reactions resume {self.reaction}" if self.state == PAUSED else None


def read_reactions(
    connection: Connection, catalogue: Catalogue, head: int, tenant_id: str | None = None
) -> tuple[ReactionStatus, ...]:
    """Each registered reaction, and each that was started here once. With a tenant, the lag in its events only."""
    started = {each.reaction: each for each in _started(connection, catalogue, head, tenant_id)}
    new = {name: ReactionStatus(name, NOT_STARTED) for name in catalogue.reactions if name not in started}
    return tuple(each for _, each in sorted((started | new).items()))


def _started(
    connection: Connection, catalogue: Catalogue, head: int, tenant_id: str | None
) -> Iterator[ReactionStatus]:
    limits = {"limit": COUNTED, "sought": SOUGHT}
    for row in connection.execute(sql("monitoring/reactions:all"), limits).fetchall():
        name, checkpoint, rewind, advanced_at, paused_at, paused_by, reason, pending, age, *counts = row
        undecided, undelivered, parked, timers, timers_due = counts
        reaction, state = catalogue.reactions.get(name), PAUSED if paused_at else RUNS
        events, exact, seconds = 0, True, 0.0
        if reaction is None:
            state = GONE
        elif high_water.end_before(connection, checkpoint, head) is not None:
            state = BEYOND if state == RUNS else state
        else:
            events, exact, seconds = _lag(connection, reaction, checkpoint, head, tenant_id)
        yield ReactionStatus(
            name,
            state,
            checkpoint,
            rewind,
            events,
            exact,
            seconds,
            pending,
            round(age or 0.0, 3),
            undecided + undelivered,
            parked,
            timers,
            timers_due,
            advanced_at,
            paused_at,
            paused_by,
            reason,
        )


def _lag(
    connection: Connection, reaction: type[Reaction], checkpoint: int, head: int, tenant_id: str | None
) -> tuple[int, bool, float]:
    """Events, whether that is exact, and seconds. Where too many events wait to be looked at, both are upper bounds."""
    wanted = {
        "event_types": list(by_stored_name(reaction.handles())),
        "own_events": [each.event_type() for each in OWN_EVENTS],
        "stream_type": reaction.stream_type(),
        "tenant_id": tenant_id,
        "checkpoint": checkpoint,
        "head": head,
        "limit": COUNTED,
    }
    row = connection.execute(sql("monitoring/reactions:lag"), wanted).fetchone()
    seen, handled, oldest, last = row or (0, 0, None, None)
    exact = seen < COUNTED
    seconds = oldest if exact or oldest is not None else last
    return (handled if exact else head - checkpoint), exact, round(seconds or 0.0, 3)
