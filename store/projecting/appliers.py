"""Appliers: how a span becomes rows, by rules compiled to SQL or by a fold in Python."""

from typing import Any, ClassVar

from acci.domain.events import by_stored_name
from acci.domain.projections import FoldProjection, Projection
from acci.store.compiling import statements
from acci.store.compiling.event_source import EVENTS
from acci.store.compiling.parameters import key_parameters
from acci.store.compiling.request import Request
from acci.store.compiling.scope import Scope
from acci.store.extras import needs
from acci.store.generations.generations import Generation
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import decrypted_events
from acci.store.projecting.prewarm import read_ahead
from acci.store.projecting.python_applier import FoldApplier
from acci.store.projecting.ranges import Applier, Key, Span

with needs("projections"):
    import sqlalchemy as sa

LONG_LOG = 100_000  # events: scanning a shorter log takes no noticeable time
FEW = 100  # a projection has few events if it has fewer than one in so many


class CompiledApplier:
    """Rules compiled to SQL; each kind of span is compiled once."""

    personal = False
    events: ClassVar[sa.FromClause] = EVENTS  # what its statements read

    def __init__(
        self, connection: Connection, projection: type[Projection], generation: Generation, read_model: ReadModel
    ) -> None:
        self._projection, self._generation, self._read_model = projection, generation, read_model
        self.event_types = tuple(by_stored_name(projection.events()))
        self._ordered = statements.is_ordered(projection)
        self._few_events = not self.personal and has_few_events(connection, projection)
        self._texts: dict[Request, bytes] = {}

    def apply(self, connection: Connection, span: Span) -> int:
        scope = Scope(partitioned=span.partitions > 1, skip_parked=span.skip_parked, few_events=self._few_events)
        request = self._request(scope, table_is_empty=span.table_is_empty)
        parameters = vars(span) | {"generation": self._generation.generation, "skipped": list(span.skipped)}
        if self._ordered and not self._few_events and not self.personal:  # decrypting has read the events already
            read_ahead(connection, span.after, span.upto)
        if self.personal or not span.table_is_empty or scope.partitioned or self._ordered:
            return connection.execute(self._text(request), parameters).rowcount
        connection.execute(statements.gather(request).encode(), parameters)
        rows = connection.execute(statements.pour(request).encode(), ()).rowcount
        connection.execute(sql("projecting/drop_gathered"))
        return rows

    def affected_keys(self, connection: Connection, position: int) -> list[Key]:
        request = Request(self._projection, self._read_model, check_readable=False)
        parameters = {"after": position - 1, "upto": position}
        return [row[0] for row in connection.execute(statements.affected_keys(request).encode(), parameters)]

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        request, parameters = self._of_keys(keys, upto, skipped)
        connection.execute(statements.delete_given(request).encode(), parameters)
        return connection.execute(self._text(request), parameters).rowcount

    def _of_keys(self, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> tuple[Request, dict[str, Any]]:
        """The request for the rows of `keys`, and its parameters."""
        parameters: dict[str, Any] = {"after": 0, "upto": upto, "skipped": list(skipped)}
        parameters |= key_parameters(self._projection.key, keys)
        return self._request(Scope(only_keys=True), table_is_empty=True), parameters

    def _request(self, scope: Scope, table_is_empty: bool) -> Request:
        return Request(self._projection, self._read_model, self.events, scope, table_is_empty=table_is_empty)

    def _text(self, request: Request) -> bytes:
        if request not in self._texts:
            self._texts[request] = statements.apply(request).encode()
        return self._texts[request]


def has_few_events(connection: Connection, projection: type[Projection]) -> bool:
    """Whether the projection's events are so few in the log that an index finds them sooner than a scan."""
    size = connection.execute(sql("projecting/estimates:events")).fetchone()
    if size is None or size[0] < LONG_LOG:
        return False
    types = {"event_types": list(by_stored_name(projection.events()))}
    plan = connection.execute(sql("projecting/estimates:events_of_types"), types).fetchone()
    return plan is not None and plan[0][0]["Plan"]["Plan Rows"] * FEW < size[0]


class DecryptingApplier(CompiledApplier):
    """Rules that use personal data: the same statements, reading the events from a table where they are decrypted."""

    personal = True
    events = decrypted_events.DECRYPTED

    def apply(self, connection: Connection, span: Span) -> int:
        decrypted_events.decrypt_range(connection, self._projection, span.after, span.upto)
        return super().apply(connection, span)

    def derive(self, connection: Connection, keys: list[Key], upto: int, skipped: tuple[int, ...]) -> int:
        decrypted_events.decrypt_affecting(connection, *self._of_keys(keys, upto, skipped))
        return super().derive(connection, keys, upto, skipped)


def applier_of(
    connection: Connection, projection: type[Projection], generation: Generation, read_model: ReadModel | None = None
) -> Applier:
    """The applier for the kind of projection it is, to the generation's table, or to another `read_model`'s for it."""
    table = read_model or generation.read_model(connection)
    if issubclass(projection, FoldProjection):
        return FoldApplier(connection, projection, generation, table)
    kind = DecryptingApplier if decrypted_events.uses_personal(projection) else CompiledApplier
    return kind(connection, projection, generation, table)
