"""Idempotency records: what is stored of a command, or of an append with an idempotency key, to recognise a repeat.

It is a digest of what was asked for. Where a person's data may be in it, the digest is encrypted with the keys of the
persons concerned, since a plain digest could be guessed. After a person's key is destroyed there is nothing left to
compare.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from acci.domain.errors import AcciError
from acci.domain.events import Event, EventData, StreamId
from acci.domain.personal import personal_fields
from acci.store.encryption.payload_encryption import required, subject_of
from acci.store.log.append_errors import MisplacedEvent
from acci.store.postgres.keys import Keys
from acci.store.values.canonical import canonical_form

APPEND = "append"  # the command name of the record of an append with an idempotency key
DIGEST = 32  # bytes; those before it are the ids of the keys that it is made with
KEY_ID = 16


class CommandReused(AcciError):
    """A command's id was seen before with another content; nothing was done."""

    command: str
    id: str

    sentence = (
        "{command} was not handled: another command with the id {id} was handled before. Send it with an id of its own."
    )


class IdempotencyRecord(NamedTuple):
    """What is stored of a command beside its events: its id, its name, and the digest of what it asked for."""

    id: UUID
    name: str
    digest: bytes


def record_of_command(command_id: UUID, name: str, content: bytes) -> IdempotencyRecord:
    """Of a command: what it asks for (`content`, in canonical form), not who sent it or when it was sent again."""
    return IdempotencyRecord(command_id, name, hashlib.sha256(b"%s %s" % (name.encode(), content)).digest())


def record_of_append(stream: StreamId, events: Sequence[Event[EventData]], key: UUID) -> IdempotencyRecord:
    """Of an append: the stream and the events' payloads, not the events' ids or when it was sent again."""
    parts = [b"%s %d %s" % (e.event_type.encode(), e.schema_version, canonical_form(e.data)) for e in events]
    content = hashlib.sha256(b"\n".join([repr(tuple(stream)).encode(), *parts])).digest()
    return IdempotencyRecord(key, APPEND, content)


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


def encrypted(
    record: IdempotencyRecord, stream: StreamId, events: Sequence[Event[EventData]], keys: Keys | None
) -> IdempotencyRecord:
    """The same, its digest under the keys of the persons in the events; without any, the aggregate's key."""
    found = {
        subject_of(type(each.data), each.data.model_dump(), each.aggregate_id)
        for each in events
        if personal_fields(type(each.data))
    }
    used = [required(keys).of(stream.tenant_id, subject) for subject in sorted(found) or [stream.aggregate_id]]
    ids = b"".join(key_id.bytes for key_id, _ in used)
    return record._replace(digest=ids + _under([key for _, key in used], record.digest))


def is_same(record: IdempotencyRecord, stored: bytes, keys: Keys | None) -> bool:
    """Whether the digest `stored` is this command's. If the person was erased meanwhile, True."""
    ids, digest = stored[:-DIGEST], stored[-DIGEST:]
    if not ids:
        return digest in (b"", record.digest)
    wanted = [UUID(bytes=ids[start : start + KEY_ID]) for start in range(0, len(ids), KEY_ID)]
    found = required(keys).find(wanted)
    used = [key for each in wanted if (key := found[each]) is not None]
    return len(used) < len(wanted) or hmac.compare_digest(_under(used, record.digest), digest)


def _under(used: Sequence[bytes], digest: bytes) -> bytes:
    return hmac.digest(b"".join(used), b"acci.commands " + digest, "sha256")
