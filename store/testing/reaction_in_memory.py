"""A reaction without a database: decided by the code of production, which keeps here what it keeps in tables there."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.contexts import Context
from acci.domain.effects import After, Send
from acci.domain.errors import DefinitionError
from acci.domain.events import EventData, EventMetadata, RecordedEvent
from acci.domain.reactions import OWN_EVENTS, CommandRefused, Reaction, TimerFired
from acci.store.commands.validation import kinds_of, typed, validate
from acci.store.log.append import Append, Encoder
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.reacting.contents import content_of
from acci.store.reacting.deciding import Decider, Decision, State
from acci.store.reacting.effect_rows import TimerRow, effect_id
from acci.store.reacting.own_events import is_told
from acci.store.reacting.states import Key
from acci.store.reacting.storing import Prepared, prepare
from acci.store.registry import Catalogue
from acci.store.testing.contexts import context_of_command, context_of_event, context_of_reaction
from acci.store.testing.differences import listed
from acci.store.testing.histories import START, Happened, recorded
from acci.store.testing.keys_in_memory import KeysInMemory


class ReactionInMemory:
    """Takes events one by one, in order. What it cannot use raises what an append or a delivery of it would."""

    def __init__(self, reaction: type[Reaction]) -> None:
        self.reaction, self._keys = reaction, KeysInMemory()
        self.states: dict[Key, State] = {}
        self.history: list[Happened] = []
        self._timers: dict[Key, dict[str, tuple[After, TimerRow]]] = defaultdict(dict)
        self._sent: dict[Key, dict[str, tuple[RecordedEvent[Any], int]]] = defaultdict(dict)
        self._contexts: list[Context] = []
        self._know(context_of_reaction(reaction))

    def happens(self, happened: Happened) -> Decision | None:
        """What the reaction decides on it; None if it does not handle it. Raises whatever the reaction's code does."""
        if isinstance(happened.data, OWN_EVENTS) and happened.aggregate_type is None:
            happened = replace(happened, aggregate_type=self.reaction.stream_type())
        self.history.append(happened)
        event = recorded(self.history)[-1]
        is_handled = type(event.data) in self.reaction.handles() and self.reaction.concerns(event)
        return self._take(event) if is_handled else None

    def fires(self, name: str, key: str | None) -> Decision:
        """What follows when the timer of that name comes due, and now it has. Raises AssertionError if none waits."""
        places = [place for place, timers in self._timers.items() if name in timers and key in (None, place[1])]
        if not places:
            waiting = (f"{each} of key {place[1]!r}" for place, timers in self._timers.items() for each in timers)
            wanted = "" if key is None else f" of key {key!r}"
            raise AssertionError(
                f"{self._name} has no timer {name!r}{wanted} that could fire. Waiting:{listed(waiting)}"
            )
        place = self._only(places, f"a timer {name!r}")
        timer, row = self._timers[place].pop(name)
        what = timer.what
        if not isinstance(what, EventData):
            content = json.loads(content_of(what).text)
            what = TimerFired(name=name, kind=row.kind, topic=row.topic, content=content, person=row.subject)
        event = self._own(place, what, row.due)
        metadata = EventMetadata(row.tenant_id, row.correlation_id, str(row.caused_by))
        return self._take(replace(event, id=row.event_id, metadata=metadata))

    def is_refused(self, command: type[CommandData], reason: str, key: str | None) -> Decision:
        """What follows from the refusal of the last such command; of one that a timer would send, if none was sent.

        Raises AssertionError if there is neither.
        """
        name = command.__name__
        if not is_told(self.reaction, name):
            why = f"it is not told that a {name} was refused: mark a method with @refused({name})."
            raise DefinitionError(f"Reaction {self._name}", why)
        places = self._senders(name, key)
        if not places:
            self._fire_those_that_send(command, key)
            places = self._senders(name, key)
        if not places:
            raise AssertionError(
                f"{self._name} has sent no {name} that could be refused. Give the events that lead to it."
            )
        place = self._only(places, f"sent a {name}")
        cause, ordinal = self._sent[place][name]
        refused = CommandRefused(command=name, reason=reason, position=cause.position, ordinal=ordinal)
        event = self._own(place, refused, None)
        by = str(effect_id(cause.id, self.reaction.name, 0, ordinal))
        user = f"reaction:{self.reaction.name}"
        metadata = EventMetadata(place[0], cause.metadata.correlation_id, by, user)
        return self._take(replace(event, metadata=metadata))

    def _senders(self, command: str, key: str | None) -> list[Key]:
        return [place for place, sent in self._sent.items() if command in sent and key in (None, place[1])]

    def _fire_those_that_send(self, command: type[CommandData], key: str | None) -> None:
        waiting = [(place, name, timer.what) for place, of in self._timers.items() for name, (timer, _) in of.items()]
        for place, name, what in waiting:
            if isinstance(what, Send) and isinstance(what.command, command) and key in (None, place[1]):
                self.fires(name, place[1])

    @property
    def _name(self) -> str:
        return self.reaction.__name__

    def _only(self, places: list[Key], what: str) -> Key:
        if len(places) > 1:
            keys = ", ".join(repr(key) for _, key in places)
            raise DefinitionError(f"Reaction {self._name}", f"several keys have {what}: {keys}. Say which: key=….")
        return places[0]

    def _own(self, place: Key, data: EventData, timestamp: datetime | None) -> RecordedEvent[Any]:
        """It, as the next event of the reaction's own stream of that key. It is stored after all that happened."""
        latest = recorded(self.history)[-1].recorded_at if self.history else START
        stream = self.reaction.stream_type()
        self.history.append(Happened(data, place[1], place[0], aggregate_type=stream, timestamp=timestamp))
        event = recorded(self.history)[-1]
        return replace(event, recorded_at=max(latest, event.recorded_at))

    def _take(self, event: RecordedEvent[Any]) -> Decision:
        self._encode(event)
        key = self._decider.key_of(event)
        if key is None:
            raise DefinitionError(f"Reaction {self._name}", f"the {event.event_type} has no key.")
        place = (event.tenant_id, key)
        before = self.states.get(place, State(self.reaction()))
        prepared, again = self._decided(event, key, before), self._decided(event, key, before)
        if prepared.digest != again.digest:
            why = f"it decides otherwise on the same {event.event_type}. Take times and ids from the event."
            raise DefinitionError(f"Reaction {self._name}", why)
        self._keep(place, prepared)
        return prepared.decision

    def _decided(self, event: RecordedEvent[Any], key: str, before: State) -> Prepared:
        decision = self._decider.decide(event, key, before, rewind=0)
        for effect in decision.effects:
            what = effect.what if isinstance(effect, After) else effect
            if isinstance(what, Send):
                self._accept(what.command, event)
            elif isinstance(what, EventData):
                self._register(type(what))
        return prepare(decision, PAYLOAD_LIMIT, self._keys)

    def _keep(self, place: Key, prepared: Prepared) -> None:
        effects, event = prepared.decision.effects, prepared.decision.cause.event
        self.states[place] = prepared.decision.after
        set_here = {each.name: each for each in effects if isinstance(each, After)}
        for name, row in prepared.timers.items():
            self._timers[place].pop(name, None)
            if row is not None:
                self._timers[place][name] = (set_here[name], row)
        for ordinal, effect in enumerate(effects):
            if isinstance(effect, Send):
                self._sent[place][type(effect.command).__name__] = (event, ordinal)

    def _accept(self, command: CommandData, event: RecordedEvent[Any]) -> None:
        """Raises `InvalidCommand` for one that is not valid, whatever its aggregate would say."""
        self._know(context_of_command(type(command)))
        content = json.loads(content_of(Send(command)).text)["data"]
        metadata = CommandMetadata(
            user_id=f"reaction:{self.reaction.name}",
            correlation_id=event.metadata.correlation_id,
            tenant_id=event.tenant_id,
            timestamp=event.recorded_at,
        )
        sent: Command[CommandData] = typed(self._catalogue, type(command).__name__, content, metadata)
        validate(kinds_of(self._catalogue), sent)

    def _encode(self, event: RecordedEvent[Any]) -> None:
        if not isinstance(event.data, OWN_EVENTS):
            self._register(type(event.data))
        types = self._catalogue.events | {each.event_type(): each for each in OWN_EVENTS}
        encoder = Encoder(types, PAYLOAD_LIMIT, self._keys)
        encoder.statement(Append(event.stream, event.version - 1, [event]))

    def _register(self, event: type[EventData]) -> None:
        if self._catalogue.events.get(event.event_type()) is not event:
            self._know(context_of_event(event))

    def _know(self, context: Context) -> None:
        if all(each is not context for each in self._contexts):
            self._contexts.append(context)
            self._catalogue = Catalogue(tuple(self._contexts))
            self._decider = Decider(self._catalogue, self.reaction)
