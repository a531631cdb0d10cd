"""Past rows: what compiled rules make of a range of events, computed by one query."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

from acci.domain.projections import Projection
from acci.domain.projections.reference import Row
from acci.store.compiling.actions import Actions
from acci.store.compiling.column_types import Element, default_of
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.event_source import EVENTS
from acci.store.compiling.folding import folded
from acci.store.compiling.parameters import key_parameters
from acci.store.compiling.request import Request
from acci.store.compiling.scope import Scope
from acci.store.compiling.text import text_of
from acci.store.extras import needs
from acci.store.generations.generations import Generation
from acci.store.generations.tables import qualified
from acci.store.postgres.database import Connection
from acci.store.postgres.refusals import first_line
from acci.store.postgres.statements import sql
from acci.store.projecting import decrypted_events
from acci.store.projecting.batches import WORK_MEM
from acci.store.projecting.compared_columns import determined
from acci.store.projecting.poison_events import is_poison
from acci.store.projecting.ranges import Key, PoisonEvent

with needs("projections"):
    import sqlalchemy as sa

PAGE = 10_000  # rows in memory at a time


@dataclass(frozen=True)
class PastRows:
    """The rows of a generation's rules, of `keys` if they are given; with `skip_parked`, parked keys have none."""

    connection: Connection
    projection: type[Projection]
    generation: Generation
    keys: list[Key] | None
    skip_parked: bool

    def read(self, which: Selection) -> Generator[Row, None, None]:
        """Stream the rows that the selected events make, in order of key. Raises `PoisonEvent`."""
        try:
            yield from self._read(which)
        except Exception as error:
            if isinstance(error, PoisonEvent) or not is_poison(error):
                raise
            position, cause = self._culprit(which, error)
            raise PoisonEvent(position, first_line(cause)) from cause

    def _read(self, which: Selection) -> Generator[Row, None, None]:
        read_model = self.generation.read_model(self.connection)
        table = {"table": qualified(self.connection, read_model.schema, read_model.name)}
        determined_columns = {c.name for c in determined(self.projection, read_model).columns}
        generated = self.connection.execute(sql("generations/columns:generated"), table).fetchall()
        computed = {name: text for name, text, of in generated if determined_columns.issuperset(of)}
        personal = decrypted_events.uses_personal(self.projection)
        request = Request(
            self.projection,
            read_model,
            decrypted_events.DECRYPTED if personal else EVENTS,
            Scope(skip_parked=self.skip_parked, only_keys=self.keys is not None),
            which,
            table_is_empty=True,
        )
        parameters = which.parameters() | {"generation": self.generation.generation}
        parameters |= key_parameters(self.projection.key, self.keys or ())
        query = text_of(_query(request, determined_columns, computed)).encode()
        with self.connection.transaction(), self.connection.cursor(name="as_of") as cursor:
            self.connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
            if personal:
                decrypted_events.decrypt_range(self.connection, self.projection, which.after, which.upto)
            cursor.itersize = PAGE
            cursor.execute(query, parameters)
            names = [column.name for column in cursor.description or ()]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def _culprit(self, which: Selection, error: Exception) -> tuple[int, Exception]:
        """The first event that fails by itself; or, if none does, as with a sum too large, after those before it."""
        position = _first(lambda good, upto: self._error(replace(which, after=good, upto=upto)), which)
        found = self._error(replace(which, after=position - 1, upto=position))
        if found is None:
            position = _first(lambda _, upto: self._error(replace(which, upto=upto)), which)
        return position, found or error

    def _error(self, which: Selection) -> Exception | None:
        try:
            for _ in self._read(which):
                pass
        except Exception as error:
            if not is_poison(error):
                raise
            return error
        return None


def _first(error: Callable[[int, int], Exception | None], which: Selection) -> int:
    """The end of the shortest prefix of the range that fails, by halving; up to `good` nothing fails."""
    good, bad = which.after, which.upto
    while bad - good > 1:
        middle = (good + bad) // 2
        if error(good, middle):
            bad = middle
        else:
            good = middle
    return bad


def _query(request: Request, determined_columns: set[str], computed: dict[str, str]) -> sa.Select[Any]:
    """The rows in order of key, with the columns in the table's order: those that the events determine, and those in
    `computed`, which PostgreSQL computes from them.

    Other columns, such as those with a varying default, have no value in the past and are left out.
    """
    columns = request.read_model.columns
    found = folded(Actions(request))
    # A query of its own: sorting by key must not be merged into the folding, which depends on the order of events.
    each = found.query.cte("folded_rows").prefix_with("MATERIALIZED")
    values: dict[str, Element] = {column.name: default_of(column) for column in columns}
    values |= found.key(each) | found.new_row(each)
    given = [values[column.name].label(column.name) for column in columns if column.name in determined_columns]
    rows = sa.select(*given).where(each.c.acci_makes).subquery("rows")
    shown: list[Any] = [
        sa.literal_column(f"({computed[column.name]})").label(column.name)
        if column.name in computed
        else rows.c[column.name]
        for column in columns
        if column.name in computed or column.name in determined_columns
    ]
    return sa.select(*shown).select_from(rows).order_by(*(rows.c[name] for name in request.projection.key))
