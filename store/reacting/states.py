"""The states of a process manager's keys: loaded, computed again from the events where that is needed, and saved."""

import json
from collections.abc import Collection, Iterable, Mapping

from acci.domain.events import Unreadable
from acci.domain.folding import state_schema_of
from acci.domain.personal import ERASED
from acci.domain.reactions import Reaction
from acci.store.encryption.payload_encryption import UNREADABLE, decrypt, encrypt_value
from acci.store.log.append import array
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.deciding import Decider, State
from acci.store.reacting.handled_events import HandledEvents

Key = tuple[str, str]  # tenant, key
PAGE = 5_000  # events


class States:
    """Those of one reaction, in one session."""

    def __init__(self, connection: Connection, reaction: type[Reaction], decider: Decider) -> None:
        self._connection, self._reaction, self._decider = connection, reaction, decider
        self.schema = state_schema_of(reaction)
        self._events = HandledEvents(connection, reaction)

    def load(self, keys: Collection[Key], upto: int) -> dict[Key, State]:
        """The states of these keys at position `upto`; the stored ones must be of no later position."""
        found: dict[Key, State] = {}
        arguments = {**columns(keys), "reaction": self._reaction.name, "state_schema": self.schema}
        for tenant_id, key, text, subject in self._connection.execute(sql("reacting/processes:load"), arguments):
            if (state := self._read((tenant_id, key), text)) is not None:
                found[tenant_id, key] = State(state, subject)
        missing = [key for key in keys if key not in found]
        return found | self.compute(missing, upto) if missing else found

    def compute(self, keys: Collection[Key], upto: int) -> dict[Key, State]:
        """The same from the events that were decided for the keys, whatever is stored of their states."""
        states = {key: State(self._reaction()) for key in keys}
        arguments = {**columns(keys), "reaction": self._reaction.name, "to": upto}
        rows = self._connection.execute(sql("reacting/outcomes:of_keys"), arguments).fetchall()
        owner = {position: (tenant_id, key) for tenant_id, key, positions in rows for position in positions}
        positions = sorted(owner)
        for begin in range(0, len(positions), PAGE):
            for event in self._events.at(positions[begin : begin + PAGE]):
                before = states[owner[event.position]]
                if not isinstance(event.data, Unreadable):
                    subject = self._decider.subject(event, before)
                    states[owner[event.position]] = State(before.state.evolve(event), subject)
        return states

    def save(self, states: Mapping[Key, tuple[int, State]]) -> None:
        """Keep each as the key's state at a position, unless a later one is kept."""
        if not states:
            return
        kept = [(key, position, state, self._text(key, state)) for key, (position, state) in states.items()]
        arguments = {
            **columns([key for key, *_ in kept]),
            "reaction": self._reaction.name,
            "state_schema": self.schema,
            "positions": [position for _, position, _, _ in kept],
            "subjects": [state.subject for _, _, state, _ in kept],
            "states": array(text for *_, text in kept),
        }
        self._connection.execute(sql("reacting/processes:save"), arguments)

    def _text(self, key: Key, state: State) -> str:
        text = state.state.model_dump_json()
        if state.subject is None:
            return text
        value = encrypt_value(json.loads(text), key[0], state.subject, self._bound_to(key), self._connection.keys)
        return json.dumps(value)

    def _read(self, key: Key, text: str) -> Reaction | None:
        """None if it is to be computed again: the person was erased, or somebody changed it."""
        try:
            plain = self.plain(key, text)
            return None if plain == json.dumps(ERASED) else self._reaction.model_validate_json(plain)
        except (*UNREADABLE, ValueError):
            return None

    def plain(self, key: Key, text: str) -> str:
        """A stored state's JSON, `ERASED` if the person was erased. Raises `UNREADABLE`."""
        return decrypt(text, self._bound_to(key), self._connection.keys) if self._decider.personal else text

    def _bound_to(self, key: Key) -> str:
        return f"{self._reaction.name}/{key[1]}"


def columns(keys: Iterable[Key]) -> dict[str, str]:
    listed = list(keys)
    return {"tenant_ids": array(tenant_id for tenant_id, _ in listed), "keys": array(key for _, key in listed)}
