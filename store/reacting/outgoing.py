"""What leaves: a row of the outbox with its content opened, as senders get it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from acci.domain.errors import AcciError
from acci.store.reacting.effect_rows import effect_id


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A command, a message or a flow run that is to be delivered.

    topic: the command's name, the message's topic, the deployment. content: see `contents`; empty if the person was
    erased (`is_erased`), or if it cannot be opened because of `problem`. event_id: the event that it follows from.
    is_personal: somebody's data may be in it, and so in what is said about it.
    """

    reaction: str
    rewind: int
    position: int
    ordinal: int
    tenant_id: str
    key: str
    kind: str
    topic: str
    correlation_id: str
    event_id: UUID
    created_at: datetime
    content: Mapping[str, Any]
    is_erased: bool = False
    problem: AcciError | None = None
    is_personal: bool = False

    @property
    def id(self) -> UUID:
        """The idempotency key: the same each time that it is sent."""
        return effect_id(self.event_id, self.reaction, self.rewind, self.ordinal)

    @property
    def sequence(self) -> str:
        """Its place among the messages of its reaction and key: compares as text, as they were decided."""
        return f"{self.rewind:010}.{self.position:019}.{self.ordinal:010}"

    @property
    def name(self) -> str:
        """What it is, for a person."""
        return f"the {self.kind} {self.topic} of {self.reaction} at position {self.position}"
