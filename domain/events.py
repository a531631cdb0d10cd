"""Events: immutable facts in the past tense, and the envelope they are stored in."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from acci.domain.upcasters.upcaster import Upcaster


class EventData(BaseModel):
    """The typed payload of an event; the class name is its event type.

    A subclass adds fields; values come back from the store equal to what was appended. Raise `schema_version`
    when the shape changes, and add an upcaster from the old one (acci.domain.upcasting) to `upcasters`. If the class is
    renamed, name what it was called before in `formerly`: events stored under that name are then read as its own.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings", ser_json_bytes="base64", val_json_bytes="base64")

    schema_version: ClassVar[int] = 1
    formerly: ClassVar[tuple[str, ...]] = ()
    subject: ClassVar[str | None] = None  # whose personal data it has (acci.domain.personal); None: the aggregate's
    upcasters: ClassVar[tuple[Upcaster, ...]] = ()

    @classmethod
    def event_type(cls) -> str:
        return cls.__name__

    @classmethod
    def stored_names(cls) -> tuple[str, ...]:
        """The event types under which its events are in the log: today's and former names, which are not inherited."""
        return cls.event_type(), *vars(cls).get("formerly", ())


class Unreadable(EventData):
    """Stands for a payload that today's code cannot read; `payload` is the JSON as stored, so nothing is lost."""

    payload: Any
    reason: str


def unnamed_subclasses(named: Collection[type[EventData]]) -> str | None:
    """Why naming these classes probably misses events, and what to do; None if it does not.

    A rule for a class is not one for its subclasses: events are found by the name of their own class.
    """
    for event in named:
        if event is EventData:
            return "EventData is the base of all events, not an event; name the classes of the events."
        missing = sorted(each.__name__ for each in _below(event) if each not in named)
        if missing:
            return f"{event.__name__} does not include its subclasses {', '.join(missing)}; name these too."
    return None


def _below(event: type[EventData]) -> Iterator[type[EventData]]:
    for each in event.__subclasses__():
        yield each
        yield from _below(each)


class Unregistered(Unreadable):
    """Unreadable because no registered class has the event's type as its name or a former one."""


class Retired(Unreadable):
    """Unreadable because its event type is retired (`Context.retired`): every reader skips it."""


def by_stored_name(events: Iterable[type["EventData"]]) -> dict[str, type["EventData"]]:
    """These classes by every name under which their events are in the log."""
    return {name: event for event in events for name in event.stored_names()}


D = TypeVar("D", bound=EventData, covariant=True)


class StreamId(NamedTuple):
    """The name of one aggregate's stream."""

    tenant_id: str
    aggregate_type: str
    aggregate_id: str


class EventMetadata(NamedTuple):
    """Who and why: `correlation_id` identifies a request across aggregates, `causation_id` is the command's id."""

    tenant_id: str
    correlation_id: str
    causation_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event(Generic[D]):
    """A fact about one aggregate. `version` is its place in the stream, from 1; `timestamp` has a zone."""

    id: UUID
    aggregate_id: str
    aggregate_type: str
    event_type: str
    version: int
    data: D
    metadata: EventMetadata
    timestamp: datetime
    schema_version: int = 1

    @property
    def tenant_id(self) -> str:
        return self.metadata.tenant_id

    @property
    def stream(self) -> StreamId:
        return StreamId(self.metadata.tenant_id, self.aggregate_type, self.aggregate_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent(Event[D]):
    """An event as stored: `position` is its place among all events, `recorded_at` when the store took it."""

    position: int
    recorded_at: datetime
