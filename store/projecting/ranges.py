"""Spans: a range of events for one partition of the keys; and the protocol for applying one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from acci.store.postgres.database import Connection

Key = list[str | None]

StrideEnd = Callable[[int, int, int], int]  # where a stride ends: after which position, its size, the whole's end
STRIDE = 5_000_000  # positions in one statement at most: that much of the log fits in memory


@dataclass(frozen=True)
class Span:
    """Events in (after, upto], for one partition of the keys.

    `table_is_empty`: the table has no rows of this partition yet. `skip_parked`: leave out parked keys, and the events
    at the positions `skipped`.
    """

    after: int
    upto: int
    partition: int = 0
    partitions: int = 1
    table_is_empty: bool = False
    skip_parked: bool = False
    skipped: tuple[int, ...] = ()


def strides(
    span: Span, stride: int = STRIDE, end: StrideEnd = lambda after, size, upto: min(after + size, upto)
) -> Iterator[Span]:
    """The span cut into pieces, in order; only the first may have `table_is_empty`."""
    after = span.after
    while after < span.upto:
        upto = end(after, stride, span.upto)
        yield replace(span, after=after, upto=upto, table_is_empty=span.table_is_empty and after == span.after)
        after = upto


class Applier(Protocol):
    """Applies spans to the table of one generation, in the caller's transaction."""

    event_types: tuple[str, ...]  # the stored names of the events that it handles
    personal: bool  # whether what it applies may be personal data

    def apply(self, connection: Connection, span: Span) -> int:
        """Fold the span's events into the rows; how many rows changed."""

    def affected_keys(self, connection: Connection, position: int) -> list[Key]:
        """The keys of the rows that the event at `position` changes."""

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        """Re-derive the rows of `keys` from their events up to `upto` but the skipped; how many rows that gives."""


class PoisonEvent(Exception):
    """The event at `position` cannot be applied; raised by an applier that knows which event failed."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(position, reason)
        self.position, self.reason = position, reason

    def __str__(self) -> str:
        return self.reason
