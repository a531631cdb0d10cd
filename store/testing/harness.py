"""Trying a projection on a few events, in a table of its own and a transaction that is rolled back."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from psycopg import sql as identifiers
from psycopg.types.json import set_json_loads

from acci.domain.errors import CannotApply
from acci.domain.events import EventData, RecordedEvent, Unreadable
from acci.domain.expressions.values import json_text, parse, plain
from acci.domain.projections import Projection
from acci.domain.projections.columns import Column
from acci.domain.projections.reference import Rows
from acci.store.generations.generations import Generation
from acci.store.generations.tables import create
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.batches import WORK_MEM
from acci.store.projecting.compared_columns import determined, of_rows
from acci.store.projecting.poison_events import is_poison
from acci.store.projecting.ranges import Span

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def logged(connection: Connection, events: Sequence[RecordedEvent[Any]]) -> Iterator[None]:
    """Within, the log has these events, in a transaction like a batch's; afterwards all is as before."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
        with connection.cursor().copy(sql("testing/copy_events")) as copy:
            for event in events:
                copy.write_row(_row(event))
        yield


class ProjectionHarness:
    """One projection over an empty table, made from `table_sql` in a transaction that the caller rolls back.

    Its batches are applied as a rebuild and a catch-up would, in `partitions` shares of the keys.
    """

    def __init__(
        self, connection: Connection, projection: type[Projection], table_sql: str, partitions: int = 1
    ) -> None:
        self.connection, self.projection, self._partitions = connection, projection, partitions
        set_json_loads(parse, connection)
        # No generation has the number 0, so it cannot collide with an existing one.
        generation = Generation(0, projection.name, "building", "", {}, (), 0, NEVER, None)
        self._read_model = read_model = create(connection, projection, generation.schema, table_sql)
        self.columns = read_model.columns
        self._applier = applier_of(connection, projection, generation)
        names = [identifiers.Identifier(column.name) for column in self.columns if not column.generated]
        table = identifiers.Identifier(read_model.schema, read_model.name)
        self._select = identifiers.SQL("SELECT {} FROM {}").format(identifiers.SQL(", ").join(names), table)

    def take(self, events: Sequence[RecordedEvent[Any]], table_is_empty: bool = False) -> Rows:
        """Apply the events, neighbours in the log, as one batch; the rows then. `table_is_empty`: there are none yet.

        Raises `CannotApply`.
        """
        for partition in range(self._partitions):
            span = Span(events[0].position - 1, events[-1].position, partition, self._partitions, table_is_empty)
            try:
                self._applier.apply(self.connection, span)
            except Exception as error:
                if not is_poison(error):
                    raise
                last = events[-1]
                raise CannotApply(self.projection.name, last.position, last.event_type, _reason(error)) from error
        return self.rows()

    def compared(self, rows: Rows) -> tuple[Column, ...]:
        """The columns that the events determine, where they lead to these rows."""
        return determined(self.projection, self._read_model, of_rows(rows.values())).columns

    def rows(self) -> Rows:
        """The table's rows by key, without generated columns."""
        cursor = self.connection.execute(self._select, prepare=False)
        names = [column.name for column in self.columns if not column.generated]
        rows = (dict(zip(names, row, strict=True)) for row in cursor)
        return {tuple(row[name] for name in self.projection.key): row for row in rows}


def spelled_out(rows: Rows) -> list[dict[str, str]]:
    """The rows in order, written so that different types, scales or zones look different."""
    return sorted(({name: spelled(row[name]) for name in sorted(row)} for row in rows.values()), key=repr)


def spelled(value: Any) -> str:
    """The value with its type; zero has no sign here, and a JSON object no order."""
    if isinstance(value, dict | list):
        return f"json {json_text(_as_kept(value))}"
    plain = 0.0 if isinstance(value, float) and value == 0 else value
    return f"{type(value).__name__} {plain.isoformat() if isinstance(plain, date) else plain}"


def _as_kept(value: Any) -> Any:
    """JSON with its numbers as PostgreSQL writes them: it keeps a number's value, not whether it had an exponent."""
    if isinstance(value, dict):
        return {name: _as_kept(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_kept(inner) for inner in value]
    return plain(Decimal(repr(value))) if isinstance(value, float) else value


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def _row(event: RecordedEvent[Any]) -> tuple[Any, ...]:
    metadata = {name: value for name, value in event.metadata._asdict().items() if value is not None}
    typed = isinstance(event.data, EventData) and not isinstance(event.data, Unreadable)
    return (
        event.position,
        event.timestamp,
        event.recorded_at,
        event.id,
        event.version,
        event.schema_version,
        *event.stream,
        event.event_type,
        event.data.model_dump_json() if typed else json_text(getattr(event.data, "payload", event.data)),
        json.dumps(metadata),
    )
