"""What makes two commands the same one.

What is remembered of a command that may have personal data in it is a digest under the keys of the persons concerned:
a plain one could be found by guessing. Whose key was destroyed, of that person nothing is left to compare.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from acci.domain.commands import Command, CommandData
from acci.domain.errors import AcciError
from acci.domain.events import Event, EventData, StreamId
from acci.domain.personal import personal_fields
from acci.store.encryption.key_store import keys
from acci.store.encryption.payload_encryption import subject_of
from acci.store.log.append import Handled

DIGEST = 32  # bytes; those before it are the ids of the keys it is made with
KEY_ID = 16


@dataclass(eq=False, repr=False)
class CommandReused(AcciError):
    """A command's id was seen before with another content; nothing was done."""

    command: str
    id: str

    def __str__(self) -> str:
        return (
            f"{self.command} was not handled: another command with the id {self.id} was handled before. "
            "Send it with an id of its own."
        )


def remembered_as(command: Command[CommandData], content: bytes) -> Handled:
    """What the store remembers of a command: what it asks for, not who sent it or when it was sent again."""
    name = type(command.data).__name__
    return Handled(command.id, name, hashlib.sha256(b"%s %s" % (name.encode(), content)).digest())


def concealed(handled: Handled, stream: StreamId, events: Sequence[Event[EventData]]) -> Handled:
    """The same, its digest made with the keys of whom the events speak; if of nobody, with that of the aggregate."""
    found = {
        subject_of(type(each.data), each.data.model_dump(), each.aggregate_id)
        for each in events
        if personal_fields(type(each.data))
    }
    used = [keys().of(stream.tenant_id, subject) for subject in sorted(found) or [stream.aggregate_id]]
    ids = b"".join(key_id.bytes for key_id, _ in used)
    return handled._replace(content=ids + _under([key for _, key in used], handled.content))


def is_same(handled: Handled, remembered: bytes) -> bool:
    """Whether that is what was remembered of this command. It is taken for it if the person was erased meanwhile."""
    ids, digest = remembered[:-DIGEST], remembered[-DIGEST:]
    if not ids:
        return digest in (b"", handled.content)
    wanted = [UUID(bytes=ids[start : start + KEY_ID]) for start in range(0, len(ids), KEY_ID)]
    found = keys().find(wanted)
    used = [key for each in wanted if (key := found[each]) is not None]
    return len(used) < len(wanted) or hmac.compare_digest(_under(used, handled.content), digest)


def _under(used: Sequence[bytes], digest: bytes) -> bytes:
    return hmac.digest(b"".join(used), b"acci.commands " + digest, "sha256")
