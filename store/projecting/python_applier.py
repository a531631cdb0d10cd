"""The applier of folds in Python: each chunk's rows are loaded once, folded in memory, written back in one MERGE."""

import gc
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from psycopg import sql as identifiers
from psycopg.types.json import Jsonb, set_json_loads
from pydantic_core import from_json

from acci.domain.events import RecordedEvent, by_stored_name
from acci.domain.expressions.values import key_text, key_texts
from acci.domain.projections.columns import Column
from acci.domain.projections.python_folds import CannotFold, Folding, FoldProjection
from acci.domain.projections.stored_rows import Key, Row
from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.generations.generations import Generation
from acci.store.generations.tables import ReadModel, qualified
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import named, sql
from acci.store.projecting.column_probe import ColumnProbe
from acci.store.projecting.exclusions import parked_keys
from acci.store.projecting.ranges import Key as TextKey
from acci.store.projecting.ranges import PoisonEvent, Span
from acci.store.projecting.uncollected import uncollected

CHUNK = 10_000  # events in memory at a time, however long the span


class FoldApplier:
    """Applies spans to the table of one generation, in the caller's transaction; memory stays flat."""

    def __init__(
        self, connection: Connection, projection: type[FoldProjection], generation: Generation, read_model: ReadModel
    ) -> None:
        self._key, self._generation = projection.key, generation
        types = by_stored_name(projection.events())
        self.event_types, self._decoder = tuple(types), Decoder(types, keys=connection.keys)
        self.personal = have_personal_fields(projection.events())
        self._folding = Folding(
            projection(), read_model.columns, ColumnProbe(connection), partial(self._filled, connection)
        )
        filled = [column for column in read_model.columns if not column.generated]
        self._json = {column.name for column in filled if column.type in ("json", "jsonb")}
        table = {"table": qualified(connection, read_model.schema, read_model.name)}
        self._defaults = dict(connection.execute(sql("generations/columns:filled_by_defaults"), table).fetchall())
        names = [column.name for column in filled]
        self._texts = _Texts(read_model.schema, read_model.name, projection.key, names, self._defaults)

    def apply(self, connection: Connection, span: Span) -> int:
        parked = parked_keys(connection, self._generation) if span.skip_parked else frozenset()
        changed = 0
        for events in _rarely_collected(self._chunks(connection, span.after, span.upto)):
            touching = [
                (key, event)
                for event in events
                if event.position not in span.skipped
                for key in self._keys(event)
                if (span.partitions == 1 or _share(key, span.partitions) == span.partition)
                and (not parked or key_texts(key) not in parked)
            ]
            changed += self._fold_all(connection, touching)
        return changed

    def affected_keys(self, connection: Connection, position: int) -> list[TextKey]:
        return [
            list(key_texts(key))
            for events in self._chunks(connection, position - 1, position)
            for event in events
            for key in self._keys(event)
        ]

    def derive(self, connection: Connection, keys: list[TextKey], upto: int, skipped: tuple[int, ...]) -> int:
        wanted = {tuple(key) for key in keys}
        connection.execute(self._texts.clear, [[key[part] for key in keys] for part in range(len(self._key))])
        for events in self._chunks(connection, 0, upto):
            touching = [
                (key, event)
                for event in events
                if event.position not in skipped
                for key in self._keys(event)
                if key_texts(key) in wanted
            ]
            self._fold_all(connection, touching)
        return len(wanted)

    def _chunks(self, connection: Connection, after: int, upto: int) -> Iterator[list[RecordedEvent[Any]]]:
        if connection.keys is not None:
            connection.keys.clear_cache()
        window = {"to": upto, "event_types": list(self.event_types)}
        while True:
            parameters = window | {"after": after, "page": CHUNK}
            rows = connection.execute(sql("log/events:page"), parameters).fetchall()
            if rows:
                yield self._decoder.events(rows)
            if len(rows) < CHUNK:
                return
            after = rows[-1][0]

    def _keys(self, event: RecordedEvent[Any]) -> list[Key]:
        try:
            return self._folding.keys(event)
        except CannotFold as error:
            raise PoisonEvent(event.position, str(error)) from error.__cause__

    def _fold_all(self, connection: Connection, touching: list[tuple[Key, RecordedEvent[Any]]]) -> int:
        before = self._load(connection, {key: key for key, _ in touching})
        spelled = self._folding.comparable(before)
        after: dict[Key, Row | None] = dict(before)
        for key, event in touching:
            try:
                after[key] = self._folding.after(key, after.get(key), event)
            except CannotFold as error:
                raise PoisonEvent(event.position, str(error)) from error.__cause__
        changed = {key: row for key, row in after.items() if row != before.get(key)}
        if spelled:
            again = self._folding.comparable({key: row for key, row in after.items() if row is not None})
            changed |= {key: after[key] for key, now in again.items() if now != spelled.get(key)}
        self._store(connection, changed)
        return len(changed)

    def _load(self, connection: Connection, keys: dict[Key, Key]) -> dict[Key, Row]:
        """The rows of the keys that have one, as each of `keys` is comparable."""
        size = len(self._key)
        lists = [[key_text(key[part]) for key in keys] for part in range(size)]
        cursor = connection.cursor()
        set_json_loads(from_json, cursor)  # independent of how the connection parses JSON
        found = cursor.execute(self._texts.load, lists)
        names = (*self._key, *self._texts.others)
        rows: dict[Key, Row] = {}
        for values in found:
            key = keys[values[:size]]
            rows[key] = dict(zip(names, key + values[size:], strict=True))
        return rows

    def _filled(self, connection: Connection, column: Column) -> Any:
        """What the column's default gives now; its text is the catalog's own."""
        default = identifiers.SQL("SELECT ({})::{}").format(
            identifiers.SQL(self._defaults[column.name]), identifiers.SQL(column.type)
        )
        cursor = connection.cursor()
        set_json_loads(from_json, cursor)
        return (cursor.execute(default).fetchone() or (None,))[0]

    def _store(self, connection: Connection, rows: dict[Key, Row | None]) -> None:
        if not rows:
            return
        connection.execute(self._texts.stage)
        with connection.cursor().copy(self._texts.copy) as copy:
            for key, row in rows.items():
                copy.write_row((row is None, *key, *self._written(row or {})))
        connection.execute(self._texts.merge)
        connection.execute(self._texts.empty)

    def _written(self, row: Row) -> Iterator[Any]:
        for name in self._texts.others:
            value = row.get(name)
            yield Jsonb(value) if value is not None and name in self._json else value


def _rarely_collected(chunks: Iterator[list[RecordedEvent[Any]]]) -> Iterator[list[RecordedEvent[Any]]]:
    with uncollected():
        for number, events in enumerate(chunks, 1):
            yield events
            if number % 32 == 0:
                gc.collect()


class _Texts:
    """The statements for one table.

    A column whose default varies, such as now(), gets that default where the fold gives no value, and keeps it.
    """

    def __init__(
        self, schema: str, name: str, key: tuple[str, ...], columns: list[str], defaults: dict[str, str]
    ) -> None:
        self.others = [column for column in columns if column not in key]
        compose = identifiers.SQL
        comma = compose(", ")
        table, stage = identifiers.Identifier(schema, name), identifiers.Identifier(f"staged_{schema}")
        names = [identifiers.Identifier(column) for column in (*key, *self.others)]
        keys = [identifiers.Identifier(column) for column in key]
        same = compose(" AND ").join(compose("stored.{0} = folded.{0}").format(column) for column in keys)
        lists = comma.join(compose("%s::text[]") for _ in keys)
        named_keys = [named(column) for column in key]
        wanted = compose("WHERE EXISTS (SELECT FROM unnest({}) AS wanted ({}) WHERE {})").format(
            lists,
            comma.join(named_keys),
            compose(" AND ").join(compose("wanted.{0} = stored.{0}::text").format(column) for column in named_keys),
        )

        def given(column: str, otherwise: str) -> identifiers.Composed:
            text = f"coalesce(folded.{{0}}, {otherwise})" if column in defaults else "folded.{0}"
            return compose(text).format(identifiers.Identifier(column), default=compose(defaults.get(column, "")))

        updates = [
            compose("{} = {}").format(identifiers.Identifier(column), given(column, "stored.{0}"))
            for column in self.others
        ]
        self.load = compose("SELECT {} FROM {} AS stored {}").format(
            comma.join(map(named, (*key, *self.others))), named(schema, name), wanted
        )
        self.clear = compose("DELETE FROM {} AS stored {}").format(named(schema, name), wanted)
        self.stage = compose(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DROP"
            " AS SELECT false AS acci_gone, {} FROM {} WITH NO DATA"
        ).format(stage, comma.join(names), table)
        self.copy = compose("COPY {} (acci_gone, {}) FROM STDIN").format(stage, comma.join(names))
        self.merge = compose(
            "MERGE INTO {} AS stored USING {} AS folded ON {}"
            " WHEN MATCHED AND folded.acci_gone THEN DELETE"
            " WHEN MATCHED THEN {}"
            " WHEN NOT MATCHED AND NOT folded.acci_gone THEN INSERT ({}) VALUES ({})"
        ).format(
            table,
            stage,
            same,
            compose("UPDATE SET {}").format(comma.join(updates)) if updates else compose("DO NOTHING"),
            comma.join(names),
            comma.join(given(column, "{default}") for column in (*key, *self.others)),
        )
        self.empty = compose("TRUNCATE {}").format(stage)


def _share(key: Key, partitions: int) -> int:
    """The partition of a key: the same in every process and run."""
    return zlib.crc32("\x1f".join(part or "" for part in key_texts(key)).encode()) % partitions
