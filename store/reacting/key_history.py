"""One key of a reaction: its state, now or as it was; what was decided for it, and what became of that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from acci.domain.reactions import Reaction
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.deciding import Decider
from acci.store.reacting.pending_timers import PendingTimer, pending_timers
from acci.store.reacting.registrations import position_of, registration
from acci.store.reacting.rewinding import NotDecidedYet
from acci.store.reacting.states import States
from acci.store.registry import Catalogue

EVENTS = 100


@dataclass(frozen=True)
class DecidedEvent:
    """An event of the key. `ended`: decided, discarded, failed (a dead letter) or waits; `reason`: why, if it has one.

    `effects`: how many were put into the outbox.
    """

    position: int
    rewind: int
    event_type: str
    recorded_at: datetime
    ended: str
    effects: int
    reason: str | None


@dataclass(frozen=True)
class DecidedEffect:
    """What became of an effect. `ended`: pending, delivered, refused, discarded or erased, at a moment.

    `kind` and `topic` are known while it is pending, `tries` once it ended.
    """

    position: int
    rewind: int
    ordinal: int
    ended: str
    kind: str | None
    topic: str | None
    tries: int | None
    at: datetime
    reason: str | None


@dataclass(frozen=True)
class KeyHistory:
    """A key as of a position: its state, None of a stateless reaction; its last events, newest first; their effects.

    `timers` are those of now. Personal data in the state are readable.
    """

    reaction: str
    tenant_id: str
    key: str
    position: int
    state: dict[str, Any] | None
    events: tuple[DecidedEvent, ...]
    effects: tuple[DecidedEffect, ...]
    timers: tuple[PendingTimer, ...]


def key_history(
    connection: Connection,
    catalogue: Catalogue,
    reaction: type[Reaction],
    tenant_id: str,
    key: str,
    as_of: int | datetime | None = None,
    limit: int = EVENTS,
) -> KeyHistory:
    """The key now, or as it was at a position or a moment; its state is computed from the events that were decided.

    Raises `NotRegistered`, `NotDecidedYet` for a position that the reaction has not come to, `WrongTimestamp`.
    """
    checkpoint = registration(connection, reaction.name).checkpoint
    position = checkpoint
    if isinstance(as_of, datetime):
        moment = position_of(connection, reaction.name, as_of, high_water.establish(connection))
        position = min(moment, checkpoint)
    elif as_of is not None:
        position = as_of
    if position > checkpoint:
        raise NotDecidedYet(reaction.name, position, checkpoint)
    state = None
    if reaction.is_stateful():
        computed = States(connection, reaction, Decider(catalogue, reaction)).compute([(tenant_id, key)], position)
        state = computed[tenant_id, key].state.model_dump(mode="json")
    of_key = {"reaction": reaction.name, "tenant_id": tenant_id, "key": key, "to": position, "limit": limit}
    events = tuple(DecidedEvent(*row) for row in connection.execute(sql("reacting/keys:events"), of_key).fetchall())
    named = {"positions": [each.position for each in events], "rewinds": [each.rewind for each in events]}
    effects = connection.execute(sql("reacting/keys:effects"), of_key | named).fetchall()
    return KeyHistory(
        reaction.name,
        tenant_id,
        key,
        position,
        state,
        events,
        tuple(DecidedEffect(*row) for row in effects),
        tuple(pending_timers(connection, reaction.name, tenant_id, key)),
    )
