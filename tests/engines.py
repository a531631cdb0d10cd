"""The compiled projection run on a table of its own, in a transaction that leaves nothing behind."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql as identifiers
from psycopg.types.json import set_json_loads

from domain.errors import CannotApply
from domain.events import RecordedEvent
from domain.projections import Projection
from domain.projections.reference import Key, Row, Rows
from domain.projections.values import json_text, parse
from store.database import Connection
from store.projecting.batches import WORK_MEM
from store.projecting.compiling import Compiled, Scope
from store.projecting.tables import create
from store.statements import sql

COPY = """COPY acci.events (position, "timestamp", recorded_at, id, version, tenant_id, aggregate_type, aggregate_id,
event_type, data, metadata) FROM STDIN"""
SCHEMA = "random"


@contextmanager
def logged(connection: Connection, events: Sequence[RecordedEvent[Any]]) -> Iterator[None]:
    """Within, the log has these events, and the session is that of a batch; afterwards all is as before."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql("projecting/settings"), {"work_mem": WORK_MEM})
        set_json_loads(parse, connection)
        with connection.cursor().copy(COPY) as copy:
            for event in events:
                copy.write_row(_row(event))
        yield


class CompiledEngine:
    """One projection, compiled once, over the table that `ddl` makes; its keys are applied in so many shares."""

    def __init__(self, connection: Connection, projection: type[Projection], ddl: str, partitions: int = 1) -> None:
        self.connection, self.projection, self._partitions = connection, projection, partitions
        self.read_model = create(connection, projection, SCHEMA, ddl)
        self._compiled = Compiled(projection, self.read_model)
        self._texts: dict[bool, bytes] = {}

    def take(self, events: Sequence[RecordedEvent[Any]], fresh: bool = False) -> Rows:
        """The rows after these events, neighbours in the log, as one batch. Raises `CannotApply`."""
        span = {"after": events[0].position - 1, "upto": events[-1].position, "partitions": self._partitions}
        for partition in range(self._partitions):
            try:
                self.connection.execute(self._text(fresh), span | {"partition": partition})
            except (psycopg.DataError, psycopg.errors.NullValueNotAllowed) as error:
                raise CannotApply(self.projection.name, events[-1].position, "", str(error)) from error
        return self.rows()

    def rows(self) -> Rows:
        table = identifiers.Identifier(SCHEMA, self.read_model.name)
        cursor = self.connection.execute(identifiers.SQL("SELECT * FROM {}").format(table), prepare=False)
        names = [column.name for column in cursor.description or ()]
        told = {column.name for column in self.read_model.columns if not column.generated}
        rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
        return {self._key(row): {name: row[name] for name in names if name in told} for row in rows}

    def _key(self, row: Row) -> Key:
        return tuple(row[name] for name in self.projection.key)

    def _text(self, fresh: bool) -> bytes:
        if fresh not in self._texts:
            scope = Scope(partitioned=self._partitions > 1)
            self._texts[fresh] = (self._compiled.fill(scope) if fresh else self._compiled.apply(scope)).encode()
        return self._texts[fresh]


def _row(event: RecordedEvent[Any]) -> tuple[Any, ...]:
    metadata = {name: value for name, value in asdict(event.metadata).items() if value is not None}
    return (
        event.position,
        event.timestamp,
        event.recorded_at,
        event.id,
        event.version,
        event.tenant_id,
        event.aggregate_type,
        event.aggregate_id,
        event.event_type,
        json_text(event.data) if isinstance(event.data, dict) else event.data.model_dump_json(),
        json.dumps(metadata),
    )


def shown(rows: Rows) -> list[dict[str, str]]:
    """The rows in order of key, each value so written that what differs in type, scale or zone differs here."""
    return sorted(({name: shown_value(row[name]) for name in sorted(row)} for row in rows.values()), key=repr)


def shown_value(value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "float nan"
    if isinstance(value, float) and value == 0:
        return "float 0"
    if isinstance(value, dict | list):
        return f"json {json_text(value)}"
    if isinstance(value, Decimal):
        return f"decimal {value}"
    return f"{type(value).__name__} {value.isoformat() if hasattr(value, 'isoformat') else value!r}"
