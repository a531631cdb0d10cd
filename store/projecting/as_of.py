"""As of: a read model as it was at a position or a moment, by the same projection, folded anew from the events.

Nothing is written, and no history of rows is kept: a row is what its events make it. One row costs what its events
cost to find, the whole read model what a rebuild's reading costs.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from domain.errors import AcciError
from domain.events import RecordedEvent
from domain.projections import FoldProjection, Projection
from domain.projections.columns import Column
from domain.projections.python_folds import keys_of
from domain.projections.reference import Row, apply
from domain.projections.values import key_text
from store import high_water
from store.catalogue import Catalogue
from store.database import Connection
from store.decoding import Decoder
from store.payloads import Unstorable
from store.projecting import generations, revealing
from store.projecting.batches import WORK_MEM
from store.projecting.compiling import Scope, text_of
from store.projecting.fingerprints import define
from store.projecting.folding import Folding
from store.projecting.generations import Generation, require_same_rules
from store.projecting.poison import watching_out
from store.projecting.selections import Selection
from store.projecting.spans import Span
from store.projecting.tables import ReadModel, qualified
from store.projecting.translation import Element, default_of
from store.statements import sql
from store.strict_json import check_text

PAGE = 10_000  # rows, or events of a fold in Python, in memory at a time
MICROSECOND = timedelta(microseconds=1)


@dataclass(eq=False, repr=False)
class NotFinal(AcciError):
    """Events may still appear at or below `position`; `mark` is the last position where none can."""

    position: int
    mark: int

    def __str__(self) -> str:
        return f"Position {self.position} is not final yet; ask for one up to {self.mark}, or wait a moment."


def rows_as_of(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    position: int | None = None,
    moment: datetime | None = None,
    keys: Sequence[Sequence[object]] | None = None,
) -> Generator[Row, None, None]:
    """The rows, in order of key, that the events up to `position` make which had happened by `moment`, both included.

    Without either, all final events. `keys`, in the order of the projection's key, narrows to those rows. Events that
    were discarded do not count, nor do parked keys have a row. Streamed: close it, or read it to the end.

    Raises `NotFinal`, `NotBuilt` before the first build, `RebuildNeeded` if the rules are not the live table's.
    """
    generation = generations.live(connection, projection.name)
    if generation is None:
        raise generations.NotBuilt(projection.name)
    require_same_rules(generation, define(catalogue, projection))
    mark = high_water.establish(connection).position
    if position is not None and position > mark:
        raise NotFinal(position, mark)
    span = watching_out(connection, generation, Span(0, mark if position is None else position))
    until = None if moment is None else moment + MICROSECOND
    texts = None if keys is None else [[key_text(part) for part in key] for key in keys]
    for part in (part for key in texts or () for part in key):
        if problem := check_text(part):
            raise Unstorable("The key", "a part of it", f"{problem}.")
    if issubclass(projection, FoldProjection):
        return _folded_in_python(connection, projection, generation, span, until, texts)
    which = Selection(span.after, span.upto, until=until)
    return _folded(connection, projection, generation, which, span, texts)


def _folded(
    connection: Connection,
    projection: type[Projection],
    generation: Generation,
    which: Selection,
    span: Span,
    keys: list[list[str]] | None,
) -> Generator[Row, None, None]:
    read_model = generation.read_model(connection)
    computed = connection.execute(
        sql("projecting/generated"), {"table": qualified(connection, read_model.schema, read_model.name)}
    ).fetchall()
    scope = Scope(careful=span.careful, chosen=keys is not None)
    parameters: dict[str, Any] = which.parameters() | {
        "generation": generation.generation,
        "skipped": list(span.skipped),
    }
    for number, name in enumerate(projection.key):
        parameters[f"key_{name}"] = [key[number] for key in keys or ()]
    query = text_of(_query(projection, read_model, which, scope, dict(computed))).encode()
    with connection.transaction(), connection.cursor(name="as_of") as cursor:
        connection.execute(sql("projecting/settings"), {"work_mem": WORK_MEM})
        if revealing.uses_personal(projection):
            revealing.reveal_events(connection, projection, which.after, which.upto)
            query = revealing.from_revealed(query)
        cursor.itersize = PAGE
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description or ()]
        for row in cursor:
            yield dict(zip(names, row, strict=True))


def _query(
    projection: type[Projection], read_model: ReadModel, which: Selection, scope: Scope, computed: dict[str, str]
) -> sa.Select[Any]:
    """The columns in the table's order: folded ones, those at their default, then what PostgreSQL computes of both."""
    folding = Folding(
        projection,
        read_model,
        which.conditions,
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
    told = [values[column.name].label(column.name) for column in read_model.columns if not column.generated]
    rows = sa.select(*told).where(folded.c.acci_makes).subquery("rows")
    shown: list[Any] = [
        sa.literal_column(f"({computed[column.name]})").label(column.name)
        if column.name in computed
        else rows.c[column.name]
        for column in read_model.columns
        if column.name in computed or not column.generated
    ]
    return sa.select(*shown).select_from(rows).order_by(*(rows.c[name] for name in projection.key))


def _folded_in_python(
    connection: Connection,
    projection: type[FoldProjection],
    generation: Generation,
    span: Span,
    until: datetime | None,
    keys: list[list[str]] | None,
) -> Generator[Row, None, None]:
    columns = generation.read_model(connection).columns
    events = (
        event
        for event in _events(connection, projection, span)
        if event.position not in span.skipped and (until is None or event.timestamp < until)
    )
    rows = apply(projection, columns, {}, _touching(projection(), columns, events, keys))
    wanted = sorted((([key_text(part) for part in key], row) for key, row in rows.items()), key=lambda pair: pair[0])
    return (row for key, row in wanted if keys is None or key in keys)


def _touching(
    fold: FoldProjection, columns: Iterable[Column], events: Iterable[RecordedEvent[Any]], keys: list[list[str]] | None
) -> Iterator[RecordedEvent[Any]]:
    named = {column.name: column for column in columns}
    for event in events:
        if keys is None or any([key_text(part) for part in key] in keys for key in keys_of(fold, named, event)):
            yield event


def _events(connection: Connection, projection: type[Projection], span: Span) -> Iterator[RecordedEvent[Any]]:
    decoder = Decoder({event.event_type(): event for event in projection.events()})
    parameters: dict[str, Any] = {"after": span.after, "up_to": span.upto, "tenant_id": None, "page": PAGE}
    parameters |= {"event_types": [event.event_type() for event in projection.events()]}
    while rows := connection.execute(sql("events/read_all"), parameters).fetchall():
        yield from (decoder.event(row) for row in rows)
        parameters["after"] = rows[-1][0]
