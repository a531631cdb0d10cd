"""Batches: events decided, each once: outcomes, outbox, timers, states and the checkpoint in one transaction.

A crash anywhere leaves what the last commit left. A second runner finds the reaction's lock taken and leaves.
"""

from dataclasses import dataclass
from typing import Any

from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.uncollected import uncollected
from acci.store.reacting.deciding import Decider, State
from acci.store.reacting.handled_events import HandledEvents
from acci.store.reacting.keys_in_order import KeysInOrder
from acci.store.reacting.registrations import Registration, fingerprint, lock
from acci.store.reacting.states import Key, States
from acci.store.reacting.storing import store
from acci.store.registry import Catalogue

BATCH_SIZE = 5_000  # events


@dataclass(frozen=True)
class Decided:
    """What a batch did: the checkpoint reached; how many events were decided, effects put into the outbox, events
    parked behind others, and dead letters. `changed`: positions decided before, for which today's code decides
    otherwise; what was decided first stands.
    """

    checkpoint: int
    events: int = 0
    effects: int = 0
    parked: int = 0
    dead_letters: int = 0
    changed: tuple[int, ...] = ()


class Batcher:
    """Decides for one reaction in one session, a batch at a time."""

    def __init__(
        self,
        connection: Connection,
        catalogue: Catalogue,
        reaction: type[Reaction],
        payload_limit: int = PAYLOAD_LIMIT,
    ) -> None:
        self._connection, self._reaction, self._limit = connection, reaction, payload_limit
        self._events = HandledEvents(connection, reaction)
        self._decider = Decider(catalogue, reaction)
        self._states = States(connection, reaction, self._decider)
        self._fingerprint = fingerprint(reaction)
        self._recorded: int | None = None  # the rewind for which its code is recorded

    def decide(self, bound: int, size: int = BATCH_SIZE) -> Decided:
        """Decide the next events up to position `bound`, at most `size`. Atomic; each event once.

        An event that cannot be decided is a dead letter, and those of its key wait behind it. Raises `ReactionBusy`,
        `ReactionPaused`, `NotRegistered`.
        """
        with self._connection.transaction(), uncollected():
            here = lock(self._connection, self._reaction.name)
            here.require_running()
            if here.checkpoint >= bound:
                return Decided(here.checkpoint)
            if self._decider.personal and self._connection.keys is not None:
                self._connection.keys.clear_cache()  # behind the lock: an erasure waits for it, or was before it
            self._record_code(here)
            upto, events = self._events.page(here.checkpoint, bound, size)
            in_order = self._in_order(here, upto, events)
            for event in events:
                in_order.take(event)
            batch = in_order.batch
            effects = store(self._connection, self._reaction, here.rewind, batch)
            self._states.save(batch.states)
            advanced = {"reaction": here.reaction, "checkpoint": upto, "fingerprint": self._fingerprint}
            self._connection.execute(sql("reacting/reactions:advance"), advanced)
        self._recorded = here.rewind
        dead = sum(each.error is not None for each in batch.undecided)
        parked = len(batch.undecided) - dead
        return Decided(upto, len(batch.decided), effects, parked, dead, tuple(in_order.changed))

    def _record_code(self, here: Registration) -> None:
        if here.rewind == self._recorded and here.fingerprint == self._fingerprint:
            return
        code = {
            "checkpoint": here.checkpoint,
            "rewind": here.rewind,
            "reaction": here.reaction,
            "fingerprint": self._fingerprint,
            "stream_type": self._reaction.stream_type(),
            "event_types": sorted(self._events.types),
        }
        self._connection.execute(sql("reacting/reactions:record_code"), code)

    def _in_order(self, here: Registration, upto: int, events: list[RecordedEvent[Any]]) -> KeysInOrder:
        bounds = {"reaction": here.reaction, "rewind": here.rewind, "after": here.checkpoint, "to": upto}
        known = dict(self._connection.execute(sql("reacting/outcomes:within"), bounds).fetchall())
        parked = self._connection.execute(sql("reacting/undecided:parked"), bounds).fetchall()
        states = self._states_before(here, events, again=bool(known))
        return KeysInOrder(self._connection, self._decider, here.rewind, self._limit, states, parked, known)

    def _states_before(self, here: Registration, events: list[RecordedEvent[Any]], again: bool) -> dict[Key, State]:
        """The states at the checkpoint. Where events were decided before, those stored may be of a later position."""
        if not self._reaction.is_stateful():
            return {}
        keys = self._decider.keys_of(events)
        return self._states.compute(keys, here.checkpoint) if again else self._states.load(keys, here.checkpoint)
