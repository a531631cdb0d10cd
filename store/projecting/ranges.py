"""Spans: a range of events for a share of the keys, and what applies one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from acci.store.postgres.database import Connection

Key = list[str | None]

STRIDE = 5_000_000  # positions that are applied in one statement at most: what a machine can hold of the log in memory


@dataclass(frozen=True)
class Span:
    """Events in (after, upto], for one share of the keys.

    `fresh`: the table has no rows of this share yet. `careful`: there may be parked keys, or events to be skipped.
    """

    after: int
    upto: int
    partition: int = 0
    partitions: int = 1
    fresh: bool = False
    careful: bool = False
    skipped: tuple[int, ...] = ()


def strides(
    span: Span,
    stride: int = STRIDE,
    end: Callable[[int, int, int], int] = lambda after, size, upto: min(after + size, upto),
) -> Iterator[Span]:
    """The span cut into pieces, in order; only the first one is fresh.

    `end` says where a stride ends, given after which position it begins, its size, and the span's end.
    """
    after = span.after
    while after < span.upto:
        upto = end(after, stride, span.upto)
        yield replace(span, after=after, upto=upto, fresh=span.fresh and after == span.after)
        after = upto


class Applier(Protocol):
    """Applies spans to the table of one generation, in the caller's transaction."""

    event_types: tuple[str, ...]  # that make a difference to it
    personal: bool  # whether what it applies may be a person's data

    def apply(self, connection: Connection, span: Span) -> int:
        """Fold the span's events into the rows; how many rows changed."""

    def touched(self, connection: Connection, position: int) -> list[Key]:
        """The keys of the rows that the event at `position` touches."""

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        """Make the rows of `keys` anew from their events up to `upto` but the skipped; how many rows there are then."""


class PoisonEvent(Exception):
    """The event at `position` cannot be applied: raised by an applier that knows which one it is."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(position, reason)
        self.position, self.reason = position, reason

    def __str__(self) -> str:
        return self.reason
