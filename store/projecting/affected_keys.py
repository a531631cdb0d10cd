"""Touching: which keys of a read model events touch, and which events touch a key.

Found by PostgreSQL from the rules' key expressions; a fold with keys of its own is asked event by event. Results are
temporary tables of the transaction: `touched` (keys as lists of text) and `touches` (such a key and a position).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import errors
from psycopg import sql as identifiers
from sqlalchemy.dialects import postgresql

from acci.domain.errors import AcciError
from acci.domain.events import RecordedEvent, by_stored_name
from acci.domain.expressions.values import key_text
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.python_folds import Folding, NotFolded
from acci.store.compiling.actions import Actions
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.expressions import EVENTS, Element, as_text
from acci.store.compiling.statements import text_of
from acci.store.generations.tables import ReadModel
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.ranges import Key
from acci.store.values.storable import check_text

PAGE = 10_000  # events in memory at a time
TOUCHED = sa.table("touched", sa.column("key", postgresql.ARRAY(sa.Text)), schema="pg_temp")
TOUCHES = sa.table("touches", sa.column("key"), sa.column("position"), schema="pg_temp")


def note_keys(connection: Connection, projection: type[Projection], read_model: ReadModel, which: Selection) -> int:
    """Fill `touched` with each key that the selected events touch, once; how many."""
    if _asks_python(projection, read_model):
        return choose_keys(
            connection, {tuple(key): None for key, _ in _asked(connection, projection, read_model, which)}
        )
    _empty(connection)
    key, _, whole = _touches(projection, read_model, which)
    statement = sa.insert(TOUCHED).from_select(["key"], sa.select(key).distinct().where(whole))
    found = connection.execute(text_of(statement).encode(), which.parameters()).rowcount
    connection.execute(sql("projecting/affected_keys:analyze"))
    return found


def choose_keys(connection: Connection, keys: Iterable[tuple[str | None, ...]]) -> int:
    """Fill `touched` with these keys; how many."""
    _empty(connection)
    with connection.cursor().copy(sql("projecting/affected_keys:copy")) as copy:
        for key in keys:
            copy.write_row((list(key),))
    connection.execute(sql("projecting/affected_keys:analyze"))
    row = connection.execute(sql("projecting/affected_keys:count")).fetchone()
    return int(row[0]) if row else 0


def as_stored(
    connection: Connection, projection: type[Projection], read_model: ReadModel, key: tuple[str, ...]
) -> tuple[str, ...]:
    """The key as PostgreSQL spells what is stored, so a day as 2026-01-31 however it was given. Raises `DataError`."""
    columns = [read_model.column(name) for name in projection.key]
    # Not through a character type: a cast would cut a text that is too long, and so name another row.
    types = (identifiers.SQL("text" if column.is_character else column.type) for column in columns)
    values = identifiers.SQL(", ").join(identifiers.SQL("%s::{}::text").format(each) for each in types)
    with connection.transaction():
        return connection.execute(identifiers.SQL("SELECT {}").format(values), key).fetchone() or ()


def chosen_keys(connection: Connection) -> set[tuple[str | None, ...]]:
    """What is in `touched`."""
    return {tuple(row[0]) for row in connection.execute(sql("projecting/affected_keys:list")).fetchall()}


def _empty(connection: Connection) -> None:
    connection.execute(sql("projecting/affected_keys:drop"))
    connection.execute(sql("projecting/affected_keys:create"))


def note_events(connection: Connection, projection: type[Projection], read_model: ReadModel, which: Selection) -> None:
    """Fill `touches` with each of the selected events that touches a key in `touched`."""
    connection.execute(sql("projecting/affected_keys:create_events"))
    if _asks_python(projection, read_model):
        wanted = chosen_keys(connection)
        touching = [(key, at) for key, at in _asked(connection, projection, read_model, which) if tuple(key) in wanted]
        with connection.cursor().copy(sql("projecting/affected_keys:copy_events")) as copy:
            for touch in touching:
                copy.write_row(touch)
        connection.execute(sql("projecting/affected_keys:analyze_events"))
        return
    key, position, whole = _touches(projection, read_model, which)
    among = key.in_(sa.select(TOUCHED.c.key))
    statement = sa.insert(TOUCHES).from_select(["key", "position"], sa.select(key, position).where(whole, among))
    connection.execute(text_of(statement).encode(), which.parameters())
    connection.execute(sql("projecting/affected_keys:analyze_events"))


def _touches(projection: type[Projection], read_model: ReadModel, which: Selection) -> tuple[Element, Element, Element]:
    """For each key and event: the key as text, the position, and whether it is a key at all (no part is NULL)."""
    if issubclass(projection, FoldProjection):
        types = list(by_stored_name(projection.events()))
        named: dict[str, Element] = {
            name: EVENTS.c.tenant_id if name == "tenant_id" else EVENTS.c.aggregate_id for name in projection.key
        }
        handled = EVENTS.c.event_type.in_(types)
        rows = sa.select(EVENTS.c.position, *(part.label(name) for name, part in named.items())).where(
            handled, *which.conditions()
        )
        touching = rows.subquery("touching")
        position: Element = touching.c.position
    else:
        actions = Actions(projection, read_model, {}, which.conditions, lambda _, whole: whole)
        touching = actions.rows("touching")
        position = sa.cast(touching.c.acci_ord.op("/")(actions.lanes), sa.BigInteger)
    return key_of(touching, projection), position, sa.and_(*(touching.c[name].is_not(None) for name in projection.key))


def key_of(rows: sa.FromClause, projection: type[Projection]) -> Element:
    """The key of each row as a list of text."""
    return sa.cast(postgresql.array([as_text(rows.c[name]) for name in projection.key]), postgresql.ARRAY(sa.Text))


def _asks_python(projection: type[Projection], read_model: ReadModel) -> bool:
    """Whether only the fold knows the keys; it also reads an aggregate's id as a column that is no text holds it."""
    if not issubclass(projection, FoldProjection):
        return False
    ids = [read_model.column(name) for name in projection.key if name != "tenant_id"]
    return projection.keys is not FoldProjection.keys or not all(column.is_character for column in ids)


def _asked(
    connection: Connection, projection: type[Projection], read_model: ReadModel, which: Selection
) -> Iterator[tuple[Key, int]]:
    """The keys that a fold names for each selected event, in pages, so that memory stays flat."""
    assert issubclass(projection, FoldProjection)  # noqa: S101
    folding = Folding(projection(), read_model.columns)
    decoder = Decoder(by_stored_name(projection.events()), keys=connection.keys)
    columns = [EVENTS.c[name] for name in ENVELOPE] + [as_text(EVENTS.c.data), as_text(EVENTS.c.metadata)]
    handled = EVENTS.c.event_type.in_(list(by_stored_name(projection.events())))
    page = text_of(sa.select(*columns).where(handled, *which.conditions()).order_by(EVENTS.c.position).limit(PAGE))
    parameters = which.parameters()
    while True:
        rows = connection.execute(page.encode(), parameters).fetchall()
        for row in rows:
            event = decoder.event(row)
            for key in _keys(folding, event):
                yield [None if part is None else key_text(part) for part in key], event.position
        if len(rows) < PAGE:
            return
        parameters["after"] = rows[-1][0]


def _keys(folding: Folding, event: RecordedEvent[Any]) -> list[tuple[Any, ...]]:
    """None of an event whose keys cannot be told: it is a dead letter, or the audit of the rows names it."""
    try:
        return folding.keys(event)
    except NotFolded:
        return []


ENVELOPE = (
    "position", "timestamp", "recorded_at", "id", "version", "schema_version", "tenant_id", "aggregate_type",
    "aggregate_id", "event_type",
)  # fmt: skip


@dataclass(eq=False, repr=False)
class WrongKey(AcciError):
    """A key was given that does not have the read model's parts."""

    projection: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    def __str__(self) -> str:
        wanted = ", ".join(self.columns)
        return f"The key {list(self.key)} does not fit {self.projection}: give a text for each of {wanted}."


def spelled(
    connection: Connection, projection: type[Projection], read_model: ReadModel, key: tuple[str, ...]
) -> tuple[str, ...]:
    """The key as it is stored. Raises `WrongKey`."""
    if len(key) != len(projection.key) or any(map(check_text, key)):
        raise WrongKey(projection.name, key, projection.key)
    try:
        return as_stored(connection, projection, read_model, key)
    except errors.DataError as error:
        raise WrongKey(projection.name, key, projection.key) from error
