"""Deciding: what a reaction does about one event, in the state of its key. Nothing is stored here."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from acci.domain.effects import Effect
from acci.domain.errors import DefinitionError
from acci.domain.events import EventData, RecordedEvent, Unreadable
from acci.domain.personal import ERASED, personal_fields
from acci.domain.reactions import Reaction, TimerFired
from acci.store.encryption.payload_encryption import have_personal_fields, subject_of
from acci.store.log.payloads import NAME_LIMIT
from acci.store.reacting.contents import effect_of
from acci.store.reacting.effect_rows import Cause
from acci.store.registry import Catalogue


@dataclass(frozen=True, slots=True)
class State:
    """A key's state after the events so far; `subject`: whose personal data may be in it."""

    state: Reaction
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an event, in order, and the state after it."""

    cause: Cause
    effects: tuple[Effect, ...]
    after: State


class Decider:
    """Decides for one reaction, event by event."""

    def __init__(self, catalogue: Catalogue, reaction: type[Reaction]) -> None:
        self._catalogue, self.reaction = catalogue, reaction
        self.personal = have_personal_fields(reaction.handles())

    def key_of(self, event: RecordedEvent[Any]) -> str | None:
        """The event's key; None if it is in a payload that cannot be read. Raises `DefinitionError` without one."""
        if isinstance(event.data, Unreadable) and self.reaction.has_key_in_payload(event):
            return None
        key = self.reaction.key_of(event)
        if len(key) > NAME_LIMIT // 4 and len(key.encode()) > NAME_LIMIT:
            raise DefinitionError(f"Reaction {self.reaction.__name__}", f"a key has more than {NAME_LIMIT} bytes.")
        return key

    def keys_of(self, events: Iterable[RecordedEvent[Any]]) -> set[tuple[str, str]]:
        """The tenants and keys of the events, of those that have one."""
        found = set()
        for event in events:
            with suppress(Exception):  # the user's own code: the event is a dead letter when it is its turn
                if (key := self.key_of(event)) is not None:
                    found.add((event.tenant_id, key))
        return found

    def decide(self, event: RecordedEvent[Any], key: str, before: State, rewind: int) -> Decision:
        """The decision on `event`. Raises whatever the reaction's code does: the event is a dead letter then."""
        if isinstance(event.data, Unreadable):
            raise DefinitionError(f"The {event.event_type} at position {event.position}", event.data.reason)
        subject = self.subject(event, before)
        after = before if not self.reaction.evolutions else State(before.state.evolve(event), subject)
        effects = self._of_timer(event) if isinstance(event.data, TimerFired) else after.state.react(event)
        cause = Cause(self.reaction, rewind, key, event, subject)
        return Decision(cause, effects, after)

    def subject(self, event: RecordedEvent[Any], before: State) -> str | None:
        """The person whose data may be in what is decided, and in the state; None if the reaction handles none."""
        if not self.personal:
            return None
        if isinstance(event.data, TimerFired):
            return event.data.person or before.subject
        data: type[EventData] = type(event.data)
        if personal_fields(data):
            return subject_of(data, event.data.__dict__, event.aggregate_id)
        return before.subject

    def _of_timer(self, event: RecordedEvent[TimerFired]) -> tuple[Effect, ...]:
        """What was decided when the timer was set; nothing if the person was erased since."""
        fired = event.data
        if fired.content == ERASED:
            return ()
        return (effect_of(self._catalogue, fired.kind, fired.topic, fired.content),)
