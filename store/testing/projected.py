"""Histories projected: by both engines over the table of the SQL file, or by the reference engine alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acci.domain.errors import DefinitionError
from acci.domain.events import EventData, RecordedEvent
from acci.domain.expressions.kinds import Kind, kind_of_value
from acci.domain.expressions.tree import NULL
from acci.domain.expressions.values import to_text
from acci.domain.projections import Projection
from acci.domain.projections.columns import Column
from acci.domain.projections.reference import Row, Rows, apply
from acci.store.postgres.database import connect
from acci.store.testing.harness import ProjectionHarness, logged, spelled_out

Events = Sequence[RecordedEvent[EventData]]

_NONE = object()


@dataclass(frozen=True)
class Projected:
    """The result: the rows, in order of their keys."""

    projection: type[Projection]
    rows: tuple[Row, ...]

    def then(self, *expected: Row) -> None:
        """Exactly these rows, in any order; each by the columns it names. Raises AssertionError."""
        __tracebackhide__ = True
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


def by_reference_engine(projection: type[Projection], events: Events, defaults: Mapping[str, Any]) -> Projected:
    """The rows by the reference engine, columns as the rules' values are. Raises `CannotApply`, `DefinitionError`."""
    columns = assumed_columns(projection, defaults)
    return Projected(projection, _in_order(apply(projection, columns, {}, events)))


def by_both_engines(projection: type[Projection], events: Events, database_url: str, table: str) -> Projected:
    """The rows that both engines agree on, over the table. Raises `CannotApply`, AssertionError if they do not."""
    rows, names = _reference(projection, events, database_url, table)
    for way, size, partitions in (("in one batch", len(events), 1), ("one by one", 1, 1), ("in shares", 2, 2)):
        compiled = _only(names, _compiled(projection, events, database_url, table, size, partitions))
        if spelled_out(compiled) != spelled_out(rows):
            raise AssertionError(
                f"{projection.__name__}: the engines disagree. The reference engine:{_listed(rows.values())}\n"
                f"compiled, {way}:{_listed(compiled.values())}"
            )
    return Projected(projection, _in_order(rows))


def _reference(projection: type[Projection], events: Events, database_url: str, table: str) -> tuple[Rows, list[str]]:
    """The rows, and their columns: those that the events determine."""
    with connect(database_url, "test") as connection, connection.transaction(force_rollback=True):
        harness = ProjectionHarness(connection, projection, table)
        rows = apply(projection, harness.columns, {}, events)
        names = [column.name for column in harness.compared(rows)]
    return _only(names, rows), names


def _compiled(
    projection: type[Projection], events: Events, database_url: str, table: str, size: int, partitions: int
) -> Rows:
    rows: Rows = {}
    with connect(database_url, "test") as connection, logged(connection, events):
        harness = ProjectionHarness(connection, projection, table, partitions)
        for start in range(0, len(events), size):
            rows = harness.take(events[start : start + size], table_is_empty=start == 0)
    return rows


def _only(names: list[str], rows: Rows) -> Rows:
    return {key: {name: row[name] for name in names} for key, row in rows.items()}


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
