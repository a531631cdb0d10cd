"""What a reaction decided, as rows: of the outbox, of timers; and the digest by which a decision is known again.

Content is JSON: of a command {"data": …}, of a message {"payload": …, "headers": …}, of a flow run {"parameters": …},
of a timer's event its payload. Where a reaction handles personal data, the content is encrypted as a whole.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from acci.domain.effects import After, Cancel, Deliverable, Effect, Message, Send
from acci.domain.events import Event, EventData, EventMetadata, RecordedEvent
from acci.domain.reactions import Reaction
from acci.store.encryption.payload_encryption import encrypt_value
from acci.store.log.payloads import encode_data
from acci.store.postgres.keys import Keys

COMMAND, MESSAGE, FLOW, EVENT = "command", "message", "flow", "event"


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


def digest_of(effects: Sequence[Effect]) -> bytes:
    """Of all that was decided, in order: 32 bytes, the same for the same decision in every process."""
    text = json.dumps([_spelled(each) for each in effects], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def outbox_row(cause: Cause, ordinal: int, effect: Deliverable, keys: Keys | None) -> OutboxRow:
    """The row of an effect that is to be delivered; a message's own key goes before the event's."""
    name, event = cause.reaction.name, cause.event
    kind, topic, content = content_of(effect)
    key = effect.key if isinstance(effect, Message) and effect.key is not None else cause.key
    about = bound_to(name, cause.rewind, event.position, ordinal)
    return OutboxRow(
        event.position,
        cause.rewind,
        ordinal,
        name,
        event.tenant_id,
        key,
        kind,
        topic,
        event.metadata.correlation_id,
        event.id,
        cause.subject,
        _text(cause, content, about, keys),
    )


def timer_row(cause: Cause, ordinal: int, effect: After, payload_limit: int, keys: Keys | None) -> TimerRow:
    """The row of a timer. Raises what encoding the event that it becomes does."""
    name, event, what = cause.reaction.name, cause.event, effect.what
    event_id = effect_id(event.id, name, cause.rewind, ordinal)
    due = effect.moment(event.recorded_at).astimezone(UTC)
    if isinstance(what, EventData):
        kind, topic, version = EVENT, what.event_type(), what.schema_version
        metadata = EventMetadata(event.tenant_id, event.metadata.correlation_id)
        stored = Event(event_id, cause.key, cause.reaction.stream_type(), topic, 1, what, metadata, due, version)
        text = encode_data(stored, payload_limit, keys)
    else:
        kind, topic, content = content_of(what)
        version, text = 1, _text(cause, content, str(event_id), keys)
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
        kind,
        topic,
        event.metadata.correlation_id,
        cause.subject,
        text,
    )


def content_of(effect: Deliverable) -> tuple[str, str, dict[str, Any]]:
    """Kind, topic and content."""
    if isinstance(effect, Send):
        command = effect.command
        return COMMAND, type(command).__name__, {"data": json.loads(command.model_dump_json())}
    if isinstance(effect, Message):
        content = {"payload": dict(effect.payload), "headers": dict(effect.headers)}
        return MESSAGE, effect.topic, content if effect.key is None else content | {"key": effect.key}
    return FLOW, effect.deployment, {"parameters": dict(effect.parameters)}


def _text(cause: Cause, content: dict[str, Any], about: str, keys: Keys | None) -> str:
    if cause.subject is None:
        return json.dumps(content, ensure_ascii=False)
    return json.dumps(encrypt_value(content, cause.event.tenant_id, cause.subject, about, keys))


def _spelled(effect: Effect) -> list[Any]:
    if isinstance(effect, Cancel):
        return ["cancel", effect.name]
    if isinstance(effect, After):
        due = effect.due.astimezone(UTC).isoformat() if isinstance(effect.due, datetime) else effect.due.total_seconds()
        what = effect.what
        if isinstance(what, EventData):
            return ["after", effect.name, due, EVENT, what.event_type(), json.loads(what.model_dump_json())]
        return ["after", effect.name, due, *content_of(what)]
    return list(content_of(effect))
