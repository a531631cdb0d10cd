"""Tests of projections: given events, when projected, then rows. Both engines run with one call.

    from acci.store.testing.kit import Happened, given

    def test_a_deleted_user_is_gone(database_url: str) -> None:
        (
            given(
                UserCreated(email="ann@example.org", name="Ann"),
                Happened(UserCreated(email="bob@example.org", name="Bob"), aggregate_id="2"),
                UserDeleted(),
            )
            .when_projected(UserView, database_url)
            .then({"id": "2", "name": "Bob", "status": "active"})
        )

With a database (one with ACCI's schema, as `acci migrate` makes it) the projection is compiled over the table of its
SQL file and applied whole, event by event, and in two shares of the keys; each must give the reference engine's rows.
Nothing stays in the database. Without one the reference engine runs alone, columns as the rules' values are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError
from acci.domain.events import EventData, EventMetadata, RecordedEvent
from acci.domain.expressions.kinds import Kind, kind_of_value
from acci.domain.expressions.tree import NULL
from acci.domain.expressions.values import to_text
from acci.domain.projections import Projection
from acci.domain.projections.columns import Column
from acci.domain.projections.reference import Row, Rows, apply
from acci.store.generations.tables import table_sql
from acci.store.postgres.database import connect
from acci.store.registry import Catalogue
from acci.store.testing.harness import ProjectionHarness, logged, spelled_out

BEFORE = 10**12  # the position before the first event's: no real log is as long
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Happened:
    """An event with what matters of its envelope; without a `timestamp` it is a minute after the one before."""

    data: EventData
    aggregate_id: str = "1"
    tenant_id: str = "test"
    aggregate_type: str = "Aggregate"
    user_id: str | None = None
    timestamp: datetime | None = None


@dataclass(frozen=True)
class Given:
    """A history, ready to be projected."""

    events: tuple[RecordedEvent[EventData], ...]

    def when_projected(
        self,
        projection: type[Projection],
        database_url: str | None = None,
        *,
        table: str | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> "Projected":
        """The rows that the events lead to. `table` is its SQL, if not that of the file.

        `defaults` are column defaults, for when there is no database to know them. Raises `CannotApply` for an event
        that the rules have no answer to, `ProjectionError`, and AssertionError if the engines disagree.
        """
        if database_url is None:
            columns = assumed_columns(projection, defaults or {})
            return Projected(projection, _in_order(apply(projection, columns, {}, self.events)))
        text = table or table_sql(Catalogue((context_of(projection),)), projection)
        rows, names = self._reference(projection, database_url, text)
        for way, size, partitions in (("in one batch", len(self.events), 1), ("one by one", 1, 1), ("in shares", 2, 2)):
            compiled = _only(names, self._compiled(projection, database_url, text, size, partitions))
            if spelled_out(compiled) != spelled_out(rows):
                raise AssertionError(
                    f"{projection.__name__}: the engines disagree. The reference engine:{_listed(rows.values())}\n"
                    f"compiled, {way}:{_listed(compiled.values())}"
                )
        return Projected(projection, _in_order(rows))

    def _reference(self, projection: type[Projection], database_url: str, text: str) -> tuple[Rows, list[str]]:
        """The rows, and their columns: those that the events determine."""
        with connect(database_url, "test") as connection, connection.transaction(force_rollback=True):
            harness = ProjectionHarness(connection, projection, text)
            rows = apply(projection, harness.columns, {}, self.events)
            names = [column.name for column in harness.compared(rows)]
        return _only(names, rows), names

    def _compiled(self, projection: type[Projection], database_url: str, text: str, size: int, partitions: int) -> Rows:
        rows: Rows = {}
        with connect(database_url, "test") as connection, logged(connection, self.events):
            harness = ProjectionHarness(connection, projection, text, partitions)
            for start in range(0, len(self.events), size):
                rows = harness.take(self.events[start : start + size], table_is_empty=start == 0)
        return rows


def given(*events: EventData | Happened) -> Given:
    """The history of these events, in order; bare payloads happen to aggregate "1" of tenant "test"."""
    recorded: list[RecordedEvent[EventData]] = []
    versions: dict[Any, int] = {}
    moment = START
    for number, event in enumerate(events, 1):
        what = event if isinstance(event, Happened) else Happened(event)
        moment = what.timestamp or moment + timedelta(minutes=1)
        stream = (what.tenant_id, what.aggregate_type, what.aggregate_id)
        versions[stream] = versions.get(stream, 0) + 1
        recorded.append(
            RecordedEvent(
                UUID(int=number),
                what.aggregate_id,
                what.aggregate_type,
                what.data.event_type(),
                versions[stream],
                what.data,
                EventMetadata(what.tenant_id, f"request-{number}", None, what.user_id),
                moment,
                what.data.schema_version,
                position=BEFORE + number,
                recorded_at=moment,
            )
        )
    return Given(tuple(recorded))


@dataclass(frozen=True)
class Projected:
    """The result: the rows, in order of their keys."""

    projection: type[Projection]
    rows: tuple[Row, ...]

    def then(self, *expected: Row) -> None:
        """Exactly these rows, in any order; each by the columns it names. Raises AssertionError."""
        left = list(self.rows)
        for wanted in expected:
            found = next((row for row in left if all(row.get(name, _NONE) == wanted[name] for name in wanted)), None)
            if found is None:
                raise AssertionError(
                    f"{self.projection.__name__} has no row {wanted}. What is left of its rows:{_listed(left)}"
                )
            left.remove(found)
        if left:
            raise AssertionError(f"{self.projection.__name__} has rows that are not expected:{_listed(left)}")


_NONE = object()


def _only(names: list[str], rows: Rows) -> Rows:
    return {key: {name: row[name] for name in names} for key, row in rows.items()}


def context_of(projection: type[Projection]) -> Context:
    """The context that registers the projection. Raises `DefinitionError` if none above its module does."""
    package = projection.__module__
    while package:
        context = getattr(import_module(package), "CONTEXT", None)
        if isinstance(context, Context) and projection in context.projections:
            return context
        package = package.rpartition(".")[0]
    raise DefinitionError(
        projection.__name__, "no CONTEXT above its module has it; register it, or give table= with its SQL."
    )


def assumed_columns(projection: type[Projection], defaults: Mapping[str, Any]) -> tuple[Column, ...]:
    """Columns of the types that the rules give values of. Raises `DefinitionError` for a fold in Python."""
    kinds = {name: kind_of_value(default) or Kind.TEXT for name, default in defaults.items()}
    if not projection.rules:
        raise DefinitionError(projection.__name__, "only its table has its columns; give a database.")
    for rule in projection.rules:
        for action in rule.actions:
            values = action.key | {name: fold.value for name, fold in action.columns.items()}
            kinds |= {name: value.kind for name, value in values.items() if value is not NULL}
    names = dict.fromkeys((*projection.key, *projection.folds, *defaults))
    return tuple(_assumed(name, kinds.get(name, Kind.TEXT), defaults.get(name)) for name in names)


def _assumed(name: str, kind: Kind, default: Any) -> Column:
    spelled = "timestamp with time zone" if kind is Kind.TIMESTAMP else kind.value
    return Column(name, spelled, "S" if kind is Kind.TEXT else "", None if default is None else to_text(default), False)


def _in_order(rows: Rows) -> tuple[Row, ...]:
    return tuple(rows[key] for key in sorted(rows, key=repr))


def _listed(rows: Iterable[Row]) -> str:
    return "".join(f"\n  {row}" for row in rows) or " none"
