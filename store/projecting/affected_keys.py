"""Affected keys: which rows of a read model an event changes, and which events change a row.

PostgreSQL finds them from the rules' key expressions; a fold in Python with keys of its own is called for each event.
What is found is collected in temporary tables of the transaction: `affected_keys` has keys (lists of text),
`affected_events` has a row for each key and event: the key and the event's position.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from acci.domain.events import RecordedEvent, by_stored_name
from acci.domain.expressions.values import key_texts
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.python_folds import CannotFold, Folding
from acci.store.compiling.actions import Actions
from acci.store.compiling.column_types import Element, as_text
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.event_source import EVENTS
from acci.store.compiling.request import Request
from acci.store.compiling.text import text_of
from acci.store.extras import needs
from acci.store.generations.tables import ReadModel
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.ranges import Key

with needs("projections"):
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql

PAGE = 10_000  # events in memory at a time
COLLECTED_KEYS = sa.table("affected_keys", sa.column("key", postgresql.ARRAY(sa.Text)), schema="pg_temp")
COLLECTED_EVENTS = sa.table("affected_events", sa.column("key"), sa.column("position"), schema="pg_temp")
ENVELOPE = (
    "position", "timestamp", "recorded_at", "id", "version", "schema_version", "tenant_id", "aggregate_type",
    "aggregate_id", "event_type",
)  # fmt: skip


def collect_affected_keys(
    connection: Connection, projection: type[Projection], read_model: ReadModel, which: Selection
) -> int:
    """Fill `affected_keys` with each key that the selected events affect, once; how many."""
    if _needs_python(projection, read_model):
        found = _named_by_fold(connection, projection, read_model, which)
        return collect_keys(connection, dict.fromkeys(tuple(key) for key, _ in found))
    _empty(connection)
    key, _, not_null = _affected(projection, read_model, which)
    statement = sa.insert(COLLECTED_KEYS).from_select(["key"], sa.select(key).distinct().where(not_null))
    count = connection.execute(text_of(statement).encode(), which.parameters()).rowcount
    connection.execute(sql("projecting/affected_keys:analyze"))
    return count


def collect_keys(connection: Connection, keys: Iterable[tuple[str | None, ...]]) -> int:
    """Fill `affected_keys` with these keys; how many."""
    _empty(connection)
    with connection.cursor().copy(sql("projecting/affected_keys:copy")) as copy:
        for key in keys:
            copy.write_row((list(key),))
    connection.execute(sql("projecting/affected_keys:analyze"))
    row = connection.execute(sql("projecting/affected_keys:count")).fetchone()
    return int(row[0]) if row else 0


def collected_keys(connection: Connection) -> set[tuple[str | None, ...]]:
    """What is in `affected_keys`."""
    return {tuple(row[0]) for row in connection.execute(sql("projecting/affected_keys:list")).fetchall()}


def collect_affecting_events(
    connection: Connection, projection: type[Projection], read_model: ReadModel, which: Selection
) -> None:
    """Fill `affected_events` with each of the selected events that affects a key in `affected_keys`."""
    connection.execute(sql("projecting/affected_keys:create_events"))
    if _needs_python(projection, read_model):
        wanted = collected_keys(connection)
        found = [each for each in _named_by_fold(connection, projection, read_model, which) if tuple(each[0]) in wanted]
        with connection.cursor().copy(sql("projecting/affected_keys:copy_events")) as copy:
            for key_and_position in found:
                copy.write_row(key_and_position)
        connection.execute(sql("projecting/affected_keys:analyze_events"))
        return
    key, position, not_null = _affected(projection, read_model, which)
    wanted_only = key.in_(sa.select(COLLECTED_KEYS.c.key))
    rows = sa.select(key, position).where(not_null, wanted_only)
    statement = sa.insert(COLLECTED_EVENTS).from_select(["key", "position"], rows)
    connection.execute(text_of(statement).encode(), which.parameters())
    connection.execute(sql("projecting/affected_keys:analyze_events"))


def key_as_texts(rows: sa.FromClause, key: Iterable[str]) -> Element:
    """The key of each row as a list of text."""
    return sa.cast(postgresql.array([as_text(rows.c[name]) for name in key]), postgresql.ARRAY(sa.Text))


def _empty(connection: Connection) -> None:
    connection.execute(sql("projecting/affected_keys:drop"))
    connection.execute(sql("projecting/affected_keys:create"))


def _affected(
    projection: type[Projection], read_model: ReadModel, which: Selection
) -> tuple[Element, Element, Element]:
    """For each key and event: the key as texts, the position, and whether the key is valid (no part is NULL)."""
    if issubclass(projection, FoldProjection):
        types = list(by_stored_name(projection.events()))
        parts: dict[str, Element] = {
            name: EVENTS.c.tenant_id if name == "tenant_id" else EVENTS.c.aggregate_id for name in projection.key
        }
        handled = EVENTS.c.event_type.in_(types)
        columns = [EVENTS.c.position, *(part.label(name) for name, part in parts.items())]
        rows = sa.select(*columns).where(handled, *which.conditions(EVENTS)).subquery("touching")
        position: Element = rows.c.position
    else:
        actions = Actions(Request(projection, read_model, selection=which, columns=(), check_readable=False))
        rows = actions.rows("touching")
        position = actions.position(rows)
    return (
        key_as_texts(rows, projection.key),
        position,
        sa.and_(*(rows.c[name].is_not(None) for name in projection.key)),
    )


def _needs_python(projection: type[Projection], read_model: ReadModel) -> bool:
    """Whether only the fold can give the keys: it computes them, or its key column has another type than the id."""
    if not issubclass(projection, FoldProjection):
        return False
    ids = [read_model.by_name[name] for name in projection.key if name != "tenant_id"]
    return projection.keys is not FoldProjection.keys or not all(column.is_character for column in ids)


def _named_by_fold(
    connection: Connection, projection: type[Projection], read_model: ReadModel, which: Selection
) -> Iterator[tuple[Key, int]]:
    """The keys that a fold gives for each selected event, with its position; read in pages: memory stays constant."""
    assert issubclass(projection, FoldProjection)  # noqa: S101
    folding = Folding(projection(), read_model.columns)
    decoder = Decoder(by_stored_name(projection.events()), keys=connection.keys)
    columns = [EVENTS.c[name] for name in ENVELOPE] + [as_text(EVENTS.c.data), as_text(EVENTS.c.metadata)]
    handled = EVENTS.c.event_type.in_(list(by_stored_name(projection.events())))
    selected = sa.select(*columns).where(handled, *which.conditions(EVENTS))
    page = text_of(selected.order_by(EVENTS.c.position).limit(PAGE))
    parameters = which.parameters()
    while True:
        rows = connection.execute(page.encode(), parameters).fetchall()
        for row in rows:
            event = decoder.event(row)
            for key in _keys(folding, event):
                yield list(key_texts(key)), event.position
        if len(rows) < PAGE:
            return
        parameters["after"] = rows[-1][0]


def _keys(folding: Folding, event: RecordedEvent[Any]) -> list[tuple[Any, ...]]:
    """The event's keys; none if they cannot be computed: the event is a dead letter, or the row audit reports it."""
    try:
        return folding.keys(event)
    except CannotFold:
        return []
