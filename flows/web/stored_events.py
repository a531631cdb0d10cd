"""Events as a client sees them."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from acci.domain.events import Unreadable
from acci.store.log.append import Recorded


class StoredEvent(BaseModel):
    """An event as stored."""

    id: UUID
    event_type: str
    version: int = Field(description="Its place in its stream, from 1.")
    position: int = Field(description="Its place among all events: rising, with holes, up to 2^63 - 1.")
    timestamp: datetime
    user_id: str | None = Field(description="Who sent the command.")
    correlation_id: str
    causation_id: str | None = Field(description="The id of the command.")
    data: dict[str, Any] | None = Field(description="Its content; null if it cannot be read today.")

    @classmethod
    def of(cls, event: Recorded) -> Self:
        """The event, its content as JSON has it."""
        return cls(
            id=event.id,
            event_type=event.event_type,
            version=event.version,
            position=event.position,
            timestamp=event.timestamp,
            user_id=event.metadata.user_id,
            correlation_id=event.metadata.correlation_id,
            causation_id=event.metadata.causation_id,
            data=None if isinstance(event.data, Unreadable) else event.data.model_dump(mode="json"),
        )
