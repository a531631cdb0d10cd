"""Past rows: those that a range of events makes by compiled rules, read from the events by one query."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from acci.domain.projections import Projection
from acci.domain.projections.reference import Row
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.expressions import Element, default_of
from acci.store.compiling.folding import Folding
from acci.store.compiling.statements import Scope, chosen, of_chosen_streams, text_of
from acci.store.generations.generations import Generation
from acci.store.generations.tables import ReadModel, qualified
from acci.store.postgres.database import Connection
from acci.store.postgres.errors import first_line
from acci.store.postgres.statements import sql
from acci.store.projecting import decrypted_events
from acci.store.projecting.batches import WORK_MEM
from acci.store.projecting.compared_columns import determined
from acci.store.projecting.poison_events import is_poison
from acci.store.projecting.ranges import Key, PoisonEvent

PAGE = 10_000  # rows in memory at a time


@dataclass(frozen=True)
class PastRows:
    """The rows of a generation's rules, of `keys` if they are given; parked keys have none if `careful`."""

    connection: Connection
    projection: type[Projection]
    generation: Generation
    keys: list[Key] | None
    careful: bool

    def read(self, which: Selection) -> Generator[Row, None, None]:
        """The rows that the selected events make, in order of key. Streamed. Raises `PoisonEvent`."""
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
        determined_names = {column.name for column in determined(self.connection, self.projection, read_model).columns}
        generated = self.connection.execute(sql("generations/columns:generated"), table).fetchall()
        computed = {name: text for name, text, of in generated if determined_names.issuperset(of)}
        scope = Scope(careful=self.careful, chosen=self.keys is not None)
        parameters = which.parameters() | {"generation": self.generation.generation}
        for number, name in enumerate(self.projection.key):
            parameters[chosen(name)] = [key[number] for key in self.keys or ()]
        query = text_of(_query(self.projection, read_model, which, scope, determined_names, computed)).encode()
        with self.connection.transaction(), self.connection.cursor(name="as_of") as cursor:
            self.connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
            if decrypted_events.uses_personal(self.projection):
                decrypted_events.reveal_events(self.connection, self.projection, which.after, which.upto)
                query = decrypted_events.from_revealed(query)
            cursor.itersize = PAGE
            cursor.execute(query, parameters)
            names = [column.name for column in cursor.description or ()]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def _culprit(self, which: Selection, error: Exception) -> tuple[int, Exception]:
        """The first event that cannot be applied by itself; or, as with a sum too large, after those before it."""
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
    """The end of the shortest beginning of the range that fails, by halving; nothing up to `error`'s first fails."""
    good, bad = which.after, which.upto
    while bad - good > 1:
        middle = (good + bad) // 2
        if error(good, middle):
            bad = middle
        else:
            good = middle
    return bad


def _query(
    projection: type[Projection],
    read_model: ReadModel,
    which: Selection,
    scope: Scope,
    determined_names: set[str],
    computed: dict[str, str],
) -> sa.Select[Any]:
    """The columns in the table's order: folded ones, those at a constant default, and what PostgreSQL computes of both.

    What only PostgreSQL fills has no value at another time, and no column here.
    """
    folding = Folding(
        projection,
        read_model,
        lambda: which.conditions() + (of_chosen_streams(projection, read_model) if scope.chosen else []),
        lambda key, whole: scope.keys(key, whole, read_model),
        None,
        scope.require,
        few=scope.chosen,
    )
    # By itself: sorting by key must not become a part of the folding, which depends on the order of events.
    folded = folding.final().cte("folded_rows").prefix_with("MATERIALIZED")
    values: dict[str, Element] = {column.name: default_of(column) for column in read_model.columns}
    values |= {name: folded.c[name] for name in projection.key}
    values |= {name: folding.upon(folded, name, folding.base(folded, name)) for name in projection.folds}
    given = [values[column.name].label(column.name) for column in read_model.columns if column.name in determined_names]
    rows = sa.select(*given).where(folded.c.acci_makes).subquery("rows")
    shown: list[Any] = [
        sa.literal_column(f"({computed[column.name]})").label(column.name)
        if column.name in computed
        else rows.c[column.name]
        for column in read_model.columns
        if column.name in computed or column.name in determined_names
    ]
    return sa.select(*shown).select_from(rows).order_by(*(rows.c[name] for name in projection.key))
