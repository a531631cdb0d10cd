"""Histories of tests: events with what matters of their envelopes, the rest made up, the same each time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from acci.domain.events import EventData, EventMetadata, RecordedEvent, StreamId

BEFORE = 10**12  # the position before the first event's: no real log is as long
START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)
TENANT = "test"
ONE = StreamId(TENANT, "Aggregate", "1")


@dataclass(frozen=True)
class Happened:
    """An event with what matters of its envelope.

    What is not given of its stream is that of the aggregate under test: for a command the one that it is for, for a
    projection aggregate "1" of tenant "test". Without a `timestamp` it is a minute after the one before.
    """

    data: EventData
    aggregate_id: str | None = None
    tenant_id: str | None = None
    aggregate_type: str | None = None
    user_id: str | None = None
    timestamp: datetime | None = None

    def stream(self, default: StreamId) -> StreamId:
        """The stream that it is of."""
        given = (self.tenant_id, self.aggregate_type, self.aggregate_id)
        return StreamId(*(own or other for own, other in zip(given, default, strict=True)))


def happened(events: Sequence[EventData | Happened]) -> tuple[Happened, ...]:
    """The events, each with an envelope to be filled in."""
    return tuple(each if isinstance(each, Happened) else Happened(each) for each in events)


def recorded(history: Sequence[Happened], default: StreamId = ONE) -> tuple[RecordedEvent[EventData], ...]:
    """The history as it would be read from a log that has nothing else."""
    events: list[RecordedEvent[EventData]] = []
    versions: dict[Any, int] = {}
    moment = START
    for number, each in enumerate(history, 1):
        moment = each.timestamp or moment + STEP
        stream = each.stream(default)
        versions[stream] = versions.get(stream, 0) + 1
        events.append(
            RecordedEvent(
                UUID(int=number),
                stream.aggregate_id,
                stream.aggregate_type,
                each.data.event_type(),
                versions[stream],
                each.data,
                EventMetadata(stream.tenant_id, f"request-{number}", None, each.user_id),
                moment,
                each.data.schema_version,
                position=BEFORE + number,
                recorded_at=moment,
            )
        )
    return tuple(events)
