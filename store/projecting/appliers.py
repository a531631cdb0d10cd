"""Appliers: how a span becomes rows, by rules compiled to SQL or by a fold in Python."""

from typing import Any

from acci.domain.events import by_stored_name
from acci.domain.projections import FoldProjection, Projection
from acci.store.compiling.statements import Compiled, Scope, chosen, is_ordered
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import decrypted_events
from acci.store.projecting.prewarm import read_ahead
from acci.store.projecting.python_applier import FoldApplier
from acci.store.projecting.ranges import Applier, Key, Span

LONG = 100_000  # events: reading through fewer takes no time
RARE = 100


class CompiledApplier:
    """Rules compiled to SQL; each kind of span is compiled once."""

    personal = False

    def __init__(self, connection: Connection, projection: type[Projection], generation: Generation) -> None:
        self._generation = generation
        self.event_types = tuple(by_stored_name(projection.events()))
        self._key = projection.key
        self._compiled = Compiled(projection, generation.read_model(connection))
        self._ordered = is_ordered(projection)
        self._rare = not self.personal and is_rare(connection, projection)
        self._texts: dict[tuple[bool, Scope], bytes] = {}

    def apply(self, connection: Connection, span: Span) -> int:
        scope = Scope(partitioned=span.partitions > 1, careful=span.careful, rare=self._rare)
        parameters = vars(span) | {"generation": self._generation.generation, "skipped": list(span.skipped)}
        if self._ordered and not self._rare and not self.personal:  # what is revealed was read forwards already
            read_ahead(connection, span.after, span.upto)
        if self.personal or not span.fresh or scope.partitioned or self._ordered:
            return connection.execute(self._text(span.fresh, scope), parameters).rowcount
        connection.execute(self._compiled.gather(scope).encode(), parameters)
        rows = connection.execute(self._compiled.pour().encode(), ()).rowcount
        connection.execute(sql("projecting/drop_gathered"))
        return rows

    def touched(self, connection: Connection, position: int) -> list[Key]:
        parameters = {"after": position - 1, "upto": position}
        return [row[0] for row in connection.execute(self._compiled.touched().encode(), parameters)]

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        parameters: dict[str, Any] = {"after": 0, "upto": upto, "skipped": list(skipped)}
        for number, name in enumerate(self._key):
            parameters[chosen(name)] = [key[number] for key in keys]
        connection.execute(self._compiled.clear().encode(), parameters)
        return connection.execute(self._text(True, Scope(chosen=True)), parameters).rowcount

    def _text(self, fresh: bool, scope: Scope) -> bytes:
        if (fresh, scope) not in self._texts:
            text = self._compiled.fill(scope) if fresh else self._compiled.apply(scope)
            self._texts[fresh, scope] = text.encode()
        return self._texts[fresh, scope]


def is_rare(connection: Connection, projection: type[Projection]) -> bool:
    """Whether the projection's events are so few among the others that an index finds them sooner than reading on."""
    size = connection.execute(sql("projecting/estimates:events")).fetchone()
    if size is None or size[0] < LONG:
        return False
    types = {"event_types": list(by_stored_name(projection.events()))}
    told = connection.execute(sql("projecting/estimates:events_of_types"), types).fetchone()
    return told is not None and told[0][0]["Plan"]["Plan Rows"] * RARE < size[0]


class RevealingApplier(CompiledApplier):
    """Rules that use personal data: the same statements, upon the events as they read decrypted."""

    personal = True

    def __init__(self, connection: Connection, projection: type[Projection], generation: Generation) -> None:
        super().__init__(connection, projection, generation)
        self._projection = projection

    def apply(self, connection: Connection, span: Span) -> int:
        decrypted_events.reveal_events(connection, self._projection, span.after, span.upto)
        return super().apply(connection, span)

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        parameters: dict[str, Any] = {"after": 0, "upto": upto, "skipped": list(skipped)}
        parameters |= {chosen(name): [key[number] for key in keys] for number, name in enumerate(self._key)}
        decrypted_events.reveal_of_keys(connection, self._compiled, parameters)
        return super().derive(connection, keys, upto, skipped)

    def _text(self, fresh: bool, scope: Scope) -> bytes:
        return decrypted_events.from_revealed(super()._text(fresh, scope))


def applier_of(connection: Connection, projection: type[Projection], generation: Generation) -> Applier:
    """The applier for the kind of projection it is."""
    if issubclass(projection, FoldProjection):
        return FoldApplier(connection, projection, generation)
    kind = RevealingApplier if decrypted_events.uses_personal(projection) else CompiledApplier
    return kind(connection, projection, generation)
