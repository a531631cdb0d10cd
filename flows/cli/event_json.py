"""An event as JSON, the same in every command that prints events."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acci.store.log.append import Recorded


def event_json(event: "Recorded") -> dict[str, Any]:
    """The event's place in the log and in its stream, its type, time and data."""
    return {
        "position": event.position,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "version": event.version,
        "event_type": event.event_type,
        "timestamp": event.timestamp.isoformat(),
        "data": event.data.model_dump(mode="json"),
    }
