"""What a reaction decided, as rows: of the outbox, of timers; and the digest by which a decision is known again.

Where a reaction handles personal data, the content is encrypted as a whole, with the key of the person.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from acci.domain.effects import After, Cancel, Deliverable, Effect, Message
from acci.domain.events import Event, EventData, EventMetadata, RecordedEvent
from acci.domain.reactions import Reaction
from acci.store.encryption.payload_encryption import encrypt_value
from acci.store.log.payloads import encode_data
from acci.store.postgres.keys import Keys
from acci.store.reacting.contents import Content, content_of


@dataclass(frozen=True, slots=True)
class Cause:
    """The decision that effects are of: a reaction's, on an event, under a rewind. `subject`: whose key encrypts."""

    reaction: type[Reaction]
    rewind: int
    key: str
    event: RecordedEvent[Any]
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of `acci.outbox`; `content` is JSON text."""

    position: int
    rewind: int
    ordinal: int
    reaction: str
    tenant_id: str
    key: str
    kind: str
    topic: str
    correlation_id: str
    event_id: UUID
    subject: str | None
    content: str


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A row of `acci.timers`; `content` is JSON text."""

    due: datetime
    position: int
    rewind: int
    ordinal: int
    schema_version: int
    event_id: UUID
    caused_by: UUID
    reaction: str
    stream_type: str
    tenant_id: str
    key: str
    name: str
    kind: str
    topic: str
    correlation_id: str
    subject: str | None
    content: str


def effect_id(event_id: UUID, reaction: str, rewind: int, ordinal: int) -> UUID:
    """The idempotency key of an effect, and the id of the command or event that it becomes: the same each time."""
    return uuid5(event_id, f"{reaction}/{rewind}/{ordinal}")


def bound_to(reaction: str, rewind: int, position: int, ordinal: int) -> str:
    """What the content of an outbox row is encrypted for: moved to another row, it cannot be read."""
    return f"{reaction}/{rewind}/{position}/{ordinal}"


def digest_of(effects: Sequence[Effect], contents: Sequence[Content | None]) -> bytes:
    """Of all that was decided, in order: 32 bytes, the same for the same decision in every process.

    The order of a payload's fields counts, as everything does that would be sent.
    """
    found = hashlib.sha256()
    for effect, content in zip(effects, contents, strict=True):
        found.update(_spelled(effect, content).encode() + b"\n")
    return found.digest()


def contents_of(effects: Sequence[Effect]) -> list[Content | None]:
    """The content of each; None of one that only cancels. Raises `Unstorable`."""
    return [
        None if isinstance(each, Cancel) else content_of(each.what if isinstance(each, After) else each)
        for each in effects
    ]


def outbox_row(cause: Cause, ordinal: int, effect: Deliverable, content: Content, keys: Keys | None) -> OutboxRow:
    """The row of an effect that is to be delivered; a message's own key goes before the event's."""
    name, event = cause.reaction.name, cause.event
    text = content.text
    if cause.subject is not None:
        text = _encrypted(cause, text, bound_to(name, cause.rewind, event.position, ordinal), keys)
    return OutboxRow(
        event.position,
        cause.rewind,
        ordinal,
        name,
        event.tenant_id,
        effect.key if isinstance(effect, Message) and effect.key is not None else cause.key,
        content.kind,
        content.topic,
        event.metadata.correlation_id,
        event.id,
        cause.subject,
        text,
    )


def timer_row(
    cause: Cause, ordinal: int, effect: After, content: Content, payload_limit: int, keys: Keys | None
) -> TimerRow:
    """The row of a timer. Raises what encoding the event that it becomes does."""
    name, event, what = cause.reaction.name, cause.event, effect.what
    event_id = effect_id(event.id, name, cause.rewind, ordinal)
    due = effect.moment(event.recorded_at).astimezone(UTC)
    version, text = 1, content.text
    if isinstance(what, EventData):
        version, metadata = what.schema_version, EventMetadata(event.tenant_id, event.metadata.correlation_id)
        stream = cause.reaction.stream_type()
        text = encode_data(
            Event(event_id, cause.key, stream, content.topic, 1, what, metadata, due, version), payload_limit, keys
        )
    elif cause.subject is not None:
        text = _encrypted(cause, text, str(event_id), keys)
    return TimerRow(
        due,
        event.position,
        cause.rewind,
        ordinal,
        version,
        event_id,
        event.id,
        name,
        cause.reaction.stream_type(),
        event.tenant_id,
        cause.key,
        effect.name,
        content.kind,
        content.topic,
        event.metadata.correlation_id,
        cause.subject,
        text,
    )


def _encrypted(cause: Cause, text: str, about: str, keys: Keys | None) -> str:
    return json.dumps(encrypt_value(json.loads(text), cause.event.tenant_id, str(cause.subject), about, keys))


def _spelled(effect: Effect, content: Content | None) -> str:
    if content is None:
        return f"cancel {effect.name}"  # type: ignore[union-attr]
    what = f"{content.kind} {content.topic} {content.text}"
    if not isinstance(effect, After):
        return what
    due = effect.due.astimezone(UTC).isoformat() if isinstance(effect.due, datetime) else repr(effect.due)
    return f"after {due} {json.dumps(effect.name)} {what}"  # quoted: names and topics may have blanks
