"""Parked events, decided again: in order per key, in the caller's transaction, under the reaction's lock."""

from collections.abc import Collection, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any

from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.deciding import Decider, State
from acci.store.reacting.handled_events import HandledEvents
from acci.store.reacting.keys_in_order import KeysInOrder
from acci.store.reacting.registrations import registration
from acci.store.reacting.states import Key, States, columns
from acci.store.reacting.storing import Undecided, store
from acci.store.registry import Catalogue

PAGE = 5_000  # events


class DecidingAgain:
    """Of one reaction; the counts say what was decided, and what could not be.

    Raises what is outside of the program, as deciding does; the caller's transaction is to be rolled back then.
    """

    def __init__(self, connection: Connection, catalogue: Catalogue, reaction: type[Reaction]) -> None:
        self._connection, self._reaction = connection, reaction
        if connection.keys is not None:
            connection.keys.clear_cache()  # behind the lock: an erasure waits for it, or was before it
        self._handled = HandledEvents(connection, reaction)
        self._decider = Decider(catalogue, reaction)
        self._states = States(connection, reaction, self._decider)
        self._checkpoint = registration(connection, reaction.name).checkpoint
        self.decided = self.effects = self.failed = self.waiting = 0

    def keys(self, keys: Collection[Key]) -> None:
        """Decide what waits for these keys, each up to the first event that cannot be."""
        states = self._states.load(keys, self._checkpoint) if self._reaction.is_stateful() else {}
        going, after, moved = set(keys), 0, []
        while going:
            wanted = {"reaction": self._reaction.name, "after": after, "page": PAGE, **columns(sorted(going))}
            rows = self._connection.execute(sql("reacting/undecided:of_keys"), wanted).fetchall()
            if not rows:
                break
            after = rows[-1][0]
            events = self._events([row[0] for row in rows])
            for rewind, page in groupby(rows, key=itemgetter(1)):
                same = []
                for position, _, tenant_id, key in page:
                    now = self._key_now(events[position])
                    if now not in (key, None):
                        moved.append((position, rewind))
                    elif (tenant_id, key) in going:
                        same.append(events[position])
                        going -= {(tenant_id, key)} if now is None else set()
                going -= self._decide(same, rewind, states)
        for position, rewind in moved:
            self.alone(position, rewind)
        left = {"reaction": self._reaction.name, **columns(sorted(keys))}
        row = self._connection.execute(sql("reacting/undecided:waiting"), left).fetchone()
        self.waiting += row[0] if row else 0

    def alone(self, position: int, rewind: int) -> None:
        """Decide an event whose key is found only now, when later ones of that key may have been decided already.

        It is decided on the state that was at its position, or waits if earlier ones of its key do.
        """
        here = {"reaction": self._reaction.name, "rewind": rewind, "position": position}
        if self._connection.execute(sql("reacting/undecided:one"), here).fetchone() is None:
            return  # somebody else did it meanwhile
        event = self._events([position])[position]
        key = self._key_now(event)
        parked: set[Key] = set()
        states: dict[Key, State] = {}
        if key is not None:
            place = (event.tenant_id, key)
            at = here | {"tenant_id": place[0], "key": key}
            row = self._connection.execute(sql("reacting/undecided:waits_behind"), at).fetchone()
            parked = {place} if row and row[0] else set()
            if self._reaction.is_stateful():
                states = self._states.compute([place], position - 1)
                dropped = {"reaction": self._reaction.name, **columns([place])}
                self._connection.execute(sql("reacting/processes:drop"), dropped)
        self._decide([event], rewind, states, parked, keep=False)
        self.waiting += len(parked)

    def _decide(
        self,
        events: Iterable[RecordedEvent[Any]],
        rewind: int,
        states: dict[Key, State],
        parked: Collection[Key] = (),
        keep: bool = True,
    ) -> set[Key]:
        """The keys that wait now. `keep`: the states are those at the checkpoint."""
        in_order = KeysInOrder(self._connection, self._decider, rewind, PAYLOAD_LIMIT, states, parked)
        for event in events:
            in_order.take(event)
        batch = in_order.batch
        undecided, batch.undecided = batch.undecided, []
        self.effects += store(self._connection, self._reaction, rewind, batch)
        self.decided += len(batch.decided)
        self.failed += sum(each.error is not None for each in undecided)
        if keep:
            self._states.save(batch.states)
        here = {"reaction": self._reaction.name, "rewind": rewind}
        done = [each.decision.cause.event.position for each in batch.decided]
        self._connection.execute(sql("reacting/undecided:remove"), here | {"positions": done})
        self._connection.execute(sql("reacting/undecided:tried"), here | _columns_of(undecided))
        return {(each.event.tenant_id, each.key) for each in undecided if each.key is not None}

    def _events(self, positions: list[int]) -> dict[int, RecordedEvent[Any]]:
        return {event.position: event for event in self._handled.at(positions)}

    def _key_now(self, event: RecordedEvent[Any]) -> str | None:
        """None if it has none; why is found when it is decided."""
        return next((key for _, key in self._decider.keys_of([event])), None)


def _columns_of(undecided: list[Undecided]) -> dict[str, Any]:
    return {
        "positions": [each.event.position for each in undecided],
        "keys": [each.key for each in undecided],
        "errors": [each.error for each in undecided],
    }
