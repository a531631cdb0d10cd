"""What loading an aggregate comes to: its state and where that stands, or why it cannot be had."""

from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from acci.domain.aggregates import Aggregate
from acci.domain.errors import AcciError

A = TypeVar("A", bound=Aggregate)


class UnreadableEvent(AcciError):
    """An event that the aggregate's state depends on cannot be read with today's code; `reason` is a sentence."""

    event_type: str
    aggregate_id: str
    version: int
    reason: str

    sentence = (
        "{event_type}, version {version} of {aggregate_id!r}, cannot be read: {reason} "
        "Declare an upcaster for it; until then its aggregate decides nothing."
    )


class UnregisteredEvent(UnreadableEvent):
    """An event of the aggregate's stream is of no registered class, today's or a former one, and is not retired."""

    sentence = (
        "{event_type}, version {version} of {aggregate_id!r}, is of no registered event class. "
        'Say `formerly = ("{event_type}",)` in the class that it became, retire it in its Context, or name '
        "its domain in ACCI_CONTEXTS; until then its aggregate decides nothing."
    )


class WrongAggregate(AcciError):
    """A stream was to be folded by the class of another aggregate."""

    aggregate: str
    aggregate_type: str
    aggregate_id: str

    sentence = (
        "{aggregate_id!r} is a stream of {aggregate_type}, not of {aggregate}. Give the class that is the stream's own."
    )


class Loaded(NamedTuple, Generic[A]):
    """An aggregate as it was: its state at `version` (0: no stream), `newest` is the id of the event there.

    `snapshot_version` is that of the snapshot the fold began with, else 0. `handled_digest` is the digest of the
    command asked about, if it was handled before; nothing is folded then.
    """

    state: A
    version: int
    snapshot_version: int
    handled_digest: bytes | None = None
    newest: UUID | None = None
