"""What a batch decided, stored: outcomes, the outbox, timers, states, and the events that could not be decided."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from acci.domain.effects import After, Cancel
from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction
from acci.store.log.append import array
from acci.store.log.bulk import JSONB
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import sql
from acci.store.reacting.deciding import Decision, State
from acci.store.reacting.effect_rows import OutboxRow, TimerRow, contents_of, digest_of, outbox_row, timer_row
from acci.store.reacting.fired_timers import fired_before
from acci.store.reacting.outbox import put
from acci.store.reacting.states import Key

OUTCOME_TYPES = ["int8", "int4", "int4", "text", "text", "text", "text", "bytea", "text"]
TIMER_TYPES = [
    "timestamptz", "int8", "int4", "int4", "int4", "uuid", "uuid", "text", "text", "text", "text", "text", "text",
    "text", "text", "text", "bytea",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """A decision as the rows that it becomes, and its digest. `timers` by name; None: cancelled."""

    decision: Decision
    digest: bytes
    outbox: list[OutboxRow]
    timers: dict[str, TimerRow | None]


@dataclass(frozen=True, slots=True)
class Undecided:
    """An event that could not be decided (with the error), or waits behind one. Without a key nothing waits for it."""

    event: RecordedEvent[Any]
    key: str | None
    error: str | None


@dataclass
class Batch:
    """What is to be stored together."""

    decided: list[Prepared] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    states: dict[Key, tuple[int, State]] = field(default_factory=dict)


def prepare(decision: Decision, payload_limit: int, keys: Keys | None) -> Prepared:
    """The rows of a decision. Raises `Unstorable`, what encoding a timer's event does, and `NoKeyStore`."""
    cause, contents = decision.cause, contents_of(decision.effects)
    rows: list[OutboxRow] = []
    timers: dict[str, TimerRow | None] = {}
    for ordinal, (effect, content) in enumerate(zip(decision.effects, contents, strict=True)):
        if isinstance(effect, Cancel) or content is None:
            timers[effect.name] = None  # type: ignore[union-attr]
        elif isinstance(effect, After):
            timers[effect.name] = timer_row(cause, ordinal, effect, content, payload_limit, keys)
        else:
            rows.append(outbox_row(cause, ordinal, effect, content, keys))
    return Prepared(decision, digest_of(decision.effects, contents), rows, timers)


def store(connection: Connection, reaction: type[Reaction], rewind: int, batch: Batch) -> int:
    """Store it all, in the caller's transaction; the number of effects in the outbox."""
    _copy_outcomes(connection, batch.decided)
    rows = [row for each in batch.decided for row in each.outbox]
    if rows:
        put(connection, rows)
    _set_timers(connection, reaction, batch.decided)
    if batch.undecided:
        _park(connection, reaction, rewind, batch.undecided)
    return len(rows)


def _copy_outcomes(connection: Connection, decided: Iterable[Prepared]) -> None:
    with connection.cursor() as cursor, cursor.copy(sql("reacting/outcomes:copy")) as copy:
        copy.set_types(OUTCOME_TYPES)
        for each in decided:
            cause, event = each.decision.cause, each.decision.cause.event
            copy.write_row(
                (
                    event.position,
                    cause.rewind,
                    len(each.outbox),
                    cause.reaction.name,
                    event.tenant_id,
                    cause.key,
                    "decided",
                    each.digest,
                    None,
                )
            )


def _set_timers(connection: Connection, reaction: type[Reaction], decided: Iterable[Prepared]) -> None:
    """The last one of a key and name counts."""
    timers = {
        (each.decision.cause.event.tenant_id, each.decision.cause.key, name): timer
        for each in decided
        for name, timer in each.timers.items()
    }
    if not timers:
        return
    tenant_ids, keys, names = map(array, zip(*timers, strict=True))
    dropped = {"reaction": reaction.name, "tenant_ids": tenant_ids, "keys": keys, "names": names}
    connection.execute(sql("reacting/timers:drop"), dropped)
    set_now = _not_fired(connection, reaction, [timer for timer in timers.values() if timer is not None])
    with connection.cursor() as cursor, cursor.copy(sql("reacting/timers:copy")) as copy:
        copy.set_types(TIMER_TYPES)
        for timer in set_now:
            *columns, content = (getattr(timer, name) for name in TimerRow.__slots__)
            copy.write_row((*columns, JSONB + content.encode()))


def _not_fired(connection: Connection, reaction: type[Reaction], timers: list[TimerRow]) -> list[TimerRow]:
    """Without those that fired before a rewind: their events are in the log, and are decided again."""
    rewind = max((timer.rewind for timer in timers), default=0)
    settings = [(timer.caused_by, timer.ordinal) for timer in timers]
    fired = fired_before(connection, reaction.name, rewind, settings)
    return [timer for timer in timers if (timer.caused_by, timer.ordinal) not in fired]


def _park(connection: Connection, reaction: type[Reaction], rewind: int, undecided: list[Undecided]) -> None:
    arguments = {
        "reaction": reaction.name,
        "rewind": rewind,
        "positions": [each.event.position for each in undecided],
        "tenant_ids": [each.event.tenant_id for each in undecided],
        "keys": [each.key for each in undecided],
        "event_types": [each.event.event_type for each in undecided],
        "errors": [each.error for each in undecided],
    }
    connection.execute(sql("reacting/undecided:add"), arguments)
