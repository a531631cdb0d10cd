"""Appliers: how a span of events becomes rows, whatever the projection is made of."""

from dataclasses import dataclass
from typing import Any, Protocol

from domain.projections import Projection
from store.database import Connection
from store.projecting.compiling import Compiled, Scope
from store.projecting.generations import Generation

Key = list[str | None]


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


class Applier(Protocol):
    """Applies spans to the table of one generation, in the caller's transaction."""

    def apply(self, connection: Connection, span: Span) -> int:
        """Fold the span's events into the rows; how many rows changed."""

    def touched(self, connection: Connection, position: int) -> list[Key]:
        """The keys of the rows that the event at `position` touches."""

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        """Make the rows of `keys` anew from their events up to `upto` but the skipped; how many rows there are then."""


class CompiledApplier:
    """Rules compiled to SQL; each kind of span is compiled once."""

    def __init__(self, connection: Connection, projection: type[Projection], generation: Generation) -> None:
        self._generation = generation
        self._key = projection.key
        self._compiled = Compiled(projection, generation.read_model(connection))
        self._texts: dict[tuple[bool, Scope], bytes] = {}

    def apply(self, connection: Connection, span: Span) -> int:
        scope = Scope(partitioned=span.partitions > 1, careful=span.careful)
        parameters = vars(span) | {"generation": self._generation.generation, "skipped": list(span.skipped)}
        return connection.execute(self._text(span.fresh, scope), parameters).rowcount

    def touched(self, connection: Connection, position: int) -> list[Key]:
        parameters = {"after": position - 1, "upto": position}
        return [row[0] for row in connection.execute(self._compiled.touched().encode(), parameters)]

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        parameters: dict[str, Any] = {"after": 0, "upto": upto, "skipped": list(skipped)}
        for number, name in enumerate(self._key):
            parameters[f"key_{name}"] = [key[number] for key in keys]
        connection.execute(self._compiled.clear().encode(), parameters)
        return connection.execute(self._text(True, Scope(chosen=True)), parameters).rowcount

    def _text(self, fresh: bool, scope: Scope) -> bytes:
        if (fresh, scope) not in self._texts:
            text = self._compiled.fill(scope) if fresh else self._compiled.apply(scope)
            self._texts[fresh, scope] = text.encode()
        return self._texts[fresh, scope]


def applier_of(connection: Connection, projection: type[Projection], generation: Generation) -> Applier:
    """The applier for the kind of projection it is."""
    return CompiledApplier(connection, projection, generation)
