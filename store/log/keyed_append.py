"""An append with an idempotency key: however often it is sent, its events are stored once."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from acci.domain.events import Event, EventData, StreamId
from acci.store.encryption.payload_encryption import speak_of_people
from acci.store.log.append import Handled, MisplacedEvent
from acci.store.log.idempotency import concealed
from acci.store.values.canonical import content_of

NAME = "append"  # what such an append is called among the commands that were handled


def remembered(stream: StreamId, events: Sequence[Event[EventData]], key: UUID) -> Handled:
    """What the store remembers of it: the stream and what happened, not the events' ids or when it was sent again."""
    told = [b"%s %d %s" % (each.event_type.encode(), each.schema_version, content_of(each.data)) for each in events]
    content = hashlib.sha256(b"\n".join([repr(tuple(stream)).encode(), *told])).digest()
    return Handled(key, NAME, content)


def caused_by(key: UUID, events: Sequence[Event[EventData]]) -> list[Event[EventData]]:
    """The events with the key as their cause, where audits look for it. Raises `MisplacedEvent` for another cause."""
    caused = []
    for event in events:
        cause = event.metadata.causation_id
        if cause not in (None, str(key)):
            problem = f"its causation_id is {cause}, and with an idempotency key it is that key, or left out."
            raise MisplacedEvent(event.event_type, event.aggregate_id, problem)
        caused.append(replace(event, metadata=event.metadata._replace(causation_id=str(key))))
    return caused


def concealed_for(memory: Handled, stream: StreamId, events: Sequence[Event[EventData]]) -> Handled:
    """The same as it is stored: under the keys of whom the events speak, if of anybody."""
    return concealed(memory, stream, events) if speak_of_people({type(each.data) for each in events}) else memory
