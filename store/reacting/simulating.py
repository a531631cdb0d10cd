"""Simulating: what a reaction would decide on events of the log with today's code. Nothing is stored or sent."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from acci.domain.effects import After, Cancel, Effect
from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction, Start
from acci.store.log import high_water
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.contents import Content
from acci.store.reacting.deciding import Decider, Decision, State
from acci.store.reacting.effect_rows import contents_of
from acci.store.reacting.handled_events import HandledEvents
from acci.store.reacting.keys_in_order import KeysInOrder
from acci.store.reacting.registrations import position_of, registered
from acci.store.reacting.states import Key, States
from acci.store.reacting.storing import Batch, Prepared
from acci.store.registry import Catalogue

PAGE = 5_000  # events
CANCEL = "cancel"


@dataclass(frozen=True)
class SimulatedEffect:
    """An effect that would follow. `kind`: command, message, flow, event or cancel. Of a timer its name, and when."""

    kind: str
    topic: str
    content: Any
    timer: str | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class Simulated:
    """What a reaction would decide on an event; personal data are readable.

    `error`: why it could not be decided. `waits`: it would wait behind such an event of its key.
    """

    position: int
    recorded_at: datetime
    event_id: UUID
    event_type: str
    tenant_id: str
    key: str | None
    effects: tuple[SimulatedEffect, ...] = ()
    error: str | None = None
    waits: bool = False


def simulate(
    connection: Connection, catalogue: Catalogue, reaction: type[Reaction], since: Start, upto: int | None = None
) -> Iterator[Simulated]:
    """What it would decide on each of its events after `since`, in order, up to `upto` or what is there now.

    As a rewind to there would: on the states that were at `since`, and what waited there goes on waiting. A reaction
    that was never registered begins at `since`. Outside a transaction. Raises `StartBeyondLog`, `WrongTimestamp`.
    """
    mark = high_water.establish(connection)
    position = position_of(connection, reaction.name, since, mark)
    return _simulated(connection, catalogue, reaction, position, mark.position if upto is None else upto)


class _Dry(KeysInOrder):
    """Nothing is encrypted, which could make a key for a person."""

    def prepare(self, decision: Decision) -> Prepared:
        for effect, content in zip(decision.effects, contents_of(decision.effects), strict=True):
            _effect(effect, content, decision.cause.event.recorded_at)
        return Prepared(decision, b"", [], {})


def _simulated(
    connection: Connection, catalogue: Catalogue, reaction: type[Reaction], position: int, upto: int
) -> Iterator[Simulated]:
    handled, decider = HandledEvents(connection, reaction), Decider(catalogue, reaction)
    folding = States(connection, reaction, decider)
    known = registered(connection).get(reaction.name)
    after = begins = position if known is None else min(position, known.checkpoint)
    parked = _parked(connection, reaction, begins)
    states: dict[Key, State] = {}
    in_order = _Dry(connection, decider, 0, PAYLOAD_LIMIT, states, parked)
    while after < upto:
        after, events = handled.page(after, upto, PAGE)
        if reaction.is_stateful() and known is not None:
            states.update(folding.compute(decider.keys_of(events) - states.keys(), begins))
        for event in events:
            in_order.take(event)
        yield from (each for each in _read(events, in_order.batch) if each.position > position)
        in_order.batch = Batch()


def _parked(connection: Connection, reaction: type[Reaction], position: int) -> list[Key]:
    upto = {"reaction": reaction.name, "position": position}
    return [(row[0], row[1]) for row in connection.execute(sql("reacting/undecided:parked_upto"), upto).fetchall()]


def _read(events: Sequence[RecordedEvent[Any]], batch: Batch) -> Iterator[Simulated]:
    decisions = {each.decision.cause.event.position: each.decision for each in batch.decided}
    undecided = {each.event.position: each for each in batch.undecided}
    for event in events:
        about = (event.position, event.recorded_at, event.id, event.event_type, event.tenant_id)
        if (decision := decisions.get(event.position)) is not None:
            contents = contents_of(decision.effects)
            effects = tuple(map(_effect, decision.effects, contents, [event.recorded_at] * len(contents)))
            yield Simulated(*about, decision.cause.key, effects)
        else:
            parked = undecided[event.position]
            yield Simulated(*about, parked.key, (), parked.error, parked.error is None)


def _effect(effect: Effect, content: Content | None, recorded_at: datetime) -> SimulatedEffect:
    if isinstance(effect, Cancel) or content is None:
        return SimulatedEffect(CANCEL, "", None, effect.name if isinstance(effect, Cancel) else None)
    what = (content.kind, content.topic, json.loads(content.text))
    if isinstance(effect, After):
        return SimulatedEffect(*what, effect.name, effect.moment(recorded_at))
    return SimulatedEffect(*what)
