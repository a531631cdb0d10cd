"""The events of a batch, decided in order per key; what cannot be decided is parked with all of its key."""

from collections.abc import Collection
from typing import Any

import psycopg

from acci.domain.errors import AcciError
from acci.domain.events import RecordedEvent, Unreadable
from acci.store.encryption.key_store import KeyMissing, NoKeyStore
from acci.store.postgres.database import Connection
from acci.store.projecting.error_text import reason
from acci.store.reacting.deciding import Decider, Decision, State
from acci.store.reacting.states import Key
from acci.store.reacting.storing import Batch, Prepared, Undecided, prepare

# Not the event's fault: it is decided once the server, or the keys, are there again.
OUTSIDE = (psycopg.OperationalError, KeyMissing, NoKeyStore)


class KeysInOrder:
    """Decides one event after the other. `states` of the keys, as they are before; `parked`: the keys that wait.

    `known`: by position, the digests of what was decided before, which stands.
    """

    def __init__(
        self,
        connection: Connection,
        decider: Decider,
        rewind: int,
        payload_limit: int,
        states: dict[Key, State],
        parked: Collection[Key] = (),
        known: dict[int, bytes] | None = None,
    ) -> None:
        self._keys, self._decider, self._rewind, self._limit = connection.keys, decider, rewind, payload_limit
        self._states, self._parked, self._known = states, set(parked), known or {}
        self._new = State(decider.reaction())
        self.batch = Batch()
        self.changed: list[int] = []

    def take(self, event: RecordedEvent[Any]) -> None:
        """Decide the event, or park it. Raises what is outside of the program only: `OUTSIDE`, transient errors."""
        position = event.position
        try:
            key = self._decider.key_of(event)
        except Exception as error:  # noqa: BLE001 any error of the user's code makes the event a dead letter
            self._park(event, None, reason(error, self._decider.personal))
            return
        if key is None:
            self._park(event, None, unreadable(event))
            return
        place = (event.tenant_id, key)
        if place in self._parked and position not in self._known:
            self._park(event, key, None)
            return
        try:
            prepared = self._prepared(event, key, place)
        except Exception as error:
            if isinstance(error, OUTSIDE) or (isinstance(error, AcciError) and error.transient):
                raise
            self._fail(event, key, error)
            return
        self._keep(place, position, prepared)

    def _prepared(self, event: RecordedEvent[Any], key: str, place: Key) -> Prepared:
        return self.prepare(self._decider.decide(event, key, self._states.get(place, self._new), self._rewind))

    def prepare(self, decision: Decision) -> Prepared:
        """What is to be stored of a decision. Raises what `storing.prepare` does."""
        return prepare(decision, self._limit, self._keys)

    def _keep(self, place: Key, position: int, prepared: Prepared) -> None:
        decision = prepared.decision
        if decision.cause.reaction.is_stateful():
            self._states[place] = decision.after
            self.batch.states[place] = (position, decision.after)
        before = self._known.get(position)
        if before is None:
            self.batch.decided.append(prepared)
        elif before and before != prepared.digest:
            self.changed.append(position)

    def _fail(self, event: RecordedEvent[Any], key: str, error: Exception) -> None:
        if event.position in self._known:
            self.changed.append(event.position)
            return
        why = unreadable(event) if isinstance(event.data, Unreadable) else reason(error, self._decider.personal)
        self._park(event, key, why)
        self._parked.add((event.tenant_id, key))

    def _park(self, event: RecordedEvent[Any], key: str | None, error: str | None) -> None:
        if event.position not in self._known:
            self.batch.undecided.append(Undecided(event, key, error))


def unreadable(event: RecordedEvent[Any]) -> str:
    """Why the event's payload cannot be read."""
    return str(event.data.reason)
