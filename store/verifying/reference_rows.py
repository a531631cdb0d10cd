"""Reference rows: those of chosen keys as the reference engine makes them from the events."""

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from acci.domain.errors import AcciError, CannotApply
from acci.domain.events import RecordedEvent
from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.values import json_text, key_texts, to_text
from acci.domain.projections import FoldProjection, Projection, reference
from acci.domain.projections.columns import Column
from acci.domain.projections.reference import Rows
from acci.domain.projections.stored_rows import Row
from acci.domain.projections.stored_values import in_one_line
from acci.store.encryption.payload_encryption import UNREADABLE, have_personal_fields
from acci.store.generations.tables import ReadModel, describe
from acci.store.log.decoding import Decoder, stored
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.column_probe import ColumnProbe
from acci.store.projecting.decrypted_events import uses_personal
from acci.store.projecting.error_text import reason
from acci.store.projecting.ranges import PoisonEvent
from acci.store.projecting.rederiving import Failed
from acci.store.registry import Catalogue


class ReferenceRows:
    """The rows of the keys in `affected_keys` from their events in `affected_events`; in the caller's transaction."""

    def __init__(
        self, connection: Connection, catalogue: Catalogue, projection: type[Projection], read_model: ReadModel
    ) -> None:
        self._connection, self._projection = connection, projection
        self._columns = describe(connection, read_model.schema, read_model.name).columns  # all that rules may fill
        # Rules read what is stored, as the compiled SQL does; a fold is handed typed events.
        folds = issubclass(projection, FoldProjection)
        as_stored = partial(stored, personal=uses_personal(projection), keys=connection.keys)
        self._event = Decoder(catalogue.stored, catalogue.retired, connection.keys).event if folds else as_stored
        self._kinds = {column.name: column for column in self._columns}
        self._probe = ColumnProbe(connection)

    def rows(self) -> tuple[list[dict[str, Any]], list[Failed]]:
        """The rows, ready to be stored, and the keys whose events the engine cannot apply."""
        events = self._connection.execute(sql("verifying/reference_sample:events")).fetchall()
        try:
            return [self._as_text(row) for row in self._apply(events).values()], []
        except (CannotApply, _Unreadable, _Unwritable):
            return self._key_by_key({row[0]: row for row in events})

    def _key_by_key(self, events: dict[int, tuple[Any, ...]]) -> tuple[list[dict[str, Any]], list[Failed]]:
        positions: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for key, position in self._connection.execute(sql("verifying/reference_sample:keys_and_positions")):
            positions[tuple(key)].append(position)
        rows, failed = [], []
        for key, those in positions.items():
            try:
                made = self._apply(events[position] for position in those)
                rows += [self._as_text(row) for at, row in made.items() if key_texts(at) == key]
            except (CannotApply, _Unreadable) as error:
                failed.append(Failed(list(key), self._reason(error)))
            except _Unwritable as error:
                failed.append(Failed(list(key), str(error)))
        return rows, failed

    def _apply(self, rows: Iterable[tuple[Any, ...]]) -> Rows:
        """Raises `CannotApply`, `_Unreadable`."""
        events = map(self._read, rows)
        with self._connection.transaction():
            return reference.apply(self._projection, self._columns, {}, events, self._probe)

    def _read(self, row: tuple[Any, ...]) -> RecordedEvent[Any]:
        try:
            return self._event(row)
        except UNREADABLE as error:
            raise _Unreadable(row[0], str(error)) from error
        except (AcciError, psycopg.Error):
            raise  # not the event's fault
        except Exception as error:  # such as a payload that nests too deeply, or a number too long, for Python
            raise _Unreadable(row[0], in_one_line(error)) from error

    def _reason(self, error: CannotApply | PoisonEvent) -> str:
        poison = PoisonEvent(error.position, f"the event at position {error.position}: {error.reason}")
        poison.__cause__ = error.__cause__
        return reason(poison, have_personal_fields(self._projection.events()))

    def _as_text(self, row: Row) -> Row:
        if issubclass(self._projection, FoldProjection):
            json = [name for name, value in row.items() if value is not None and _is_json(self._kinds[name])]
            return row | {name: Jsonb(row[name]) for name in json}
        try:
            return {name: _text(self._kinds[name], value) for name, value in row.items()}
        except RecursionError as error:
            raise _Unwritable("its JSON nests too deeply for Python") from error


class _Unwritable(Exception):
    """A derived row cannot be written."""


class _Unreadable(PoisonEvent):
    """The stored event cannot be read in Python."""


def _is_json(column: Column) -> bool:
    return column.type in ("json", "jsonb")


def _text(column: Column, value: Any) -> str | None:
    """A value of the reference engine as the text that PostgreSQL reads."""
    if value is None:
        return None
    return json_text(value) if column.kind is Kind.JSON else to_text(value)
