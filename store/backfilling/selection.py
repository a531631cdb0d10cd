"""Choices: which part of a live read model a backfill re-derives."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from acci.domain.errors import UnknownName
from acci.domain.events import by_stored_name
from acci.domain.projections import Projection
from acci.store.compiling.event_filter import TEXTS, Selection
from acci.store.compiling.parameters import Placeholder
from acci.store.compiling.request import table_of
from acci.store.compiling.text import text_of
from acci.store.extras import needs
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.affected_keys import COLLECTED_KEYS, collect_affected_keys, collect_keys, key_as_texts
from acci.store.projecting.canonical_keys import canonical_key
from acci.store.registry import several

with needs("projections"):
    import sqlalchemy as sa


@dataclass(frozen=True)
class Choice:
    """The keys that these events affect, or those in `keys`; with nothing given, all.

    Events at positions in (after, upto], that happened in [since, until), of these tenants and types. `columns` are
    new columns that the live table does not have yet.
    """

    tenants: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    event_types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    upto: int | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tenants", "keys", "event_types", "columns"):
            several(getattr(self, name), name)

    def stored(self) -> Jsonb:
        """As JSON, the same for the same choice."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Jsonb({name: _plain(value) for name, value in values.items() if value not in ((), None, 0)})

    @property
    def asks_events(self) -> bool:
        return bool(self.event_types or self.since or self.until or self.after or self.upto is not None)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def choose(
    connection: Connection,
    projection: type[Projection],
    read_model: ReadModel,
    choice: Choice,
    checkpoint: int,
    skipped: tuple[int, ...],
) -> None:
    """Fill the temporary table `affected_keys` with the chosen keys. In the caller's transaction.

    Raises `WrongKey`, or `UnknownName` for an event that the projection does not handle.

    Where whole keys or tenants are chosen, rows that no event accounts for are among them.
    """
    keys = {canonical_key(connection, projection, read_model, key) for key in choice.keys}
    if keys and not (choice.asks_events or choice.tenants):
        collect_keys(connection, keys)
        return
    upto = checkpoint if choice.upto is None else min(choice.upto, checkpoint)
    types = _stored_names(projection, choice.event_types)
    which = Selection(choice.after, upto, choice.tenants, types, choice.since, choice.until, skipped)
    collect_affected_keys(connection, projection, read_model, which)
    if not choice.asks_events and ("tenant_id" in projection.key or not choice.tenants):
        _add_stored(connection, projection, read_model, choice.tenants)
    if keys:
        connection.execute(sql("projecting/affected_keys:remove_others"), {"keys": Jsonb([list(key) for key in keys])})


def _stored_names(projection: type[Projection], event_types: tuple[str, ...]) -> tuple[str, ...]:
    """The names that these types have in the log. Raises `UnknownName` for one that the projection does not handle."""
    handled = by_stored_name(projection.events())
    for name in event_types:
        if name not in handled:
            today = tuple(event.event_type() for event in projection.events())
            raise UnknownName(f"event that {projection.name} handles", name, today)
    return tuple(by_stored_name(handled[name] for name in event_types))


def _add_stored(
    connection: Connection, projection: type[Projection], read_model: ReadModel, tenants: tuple[str, ...]
) -> None:
    table = table_of(read_model)
    key = key_as_texts(table, projection.key)
    there = sa.select(key).where(key.not_in(sa.select(COLLECTED_KEYS.c.key)))
    if tenants:
        there = there.where(table.c.tenant_id == sa.func.any(Placeholder("tenants", TEXTS)))
    connection.execute(
        text_of(sa.insert(COLLECTED_KEYS).from_select(["key"], there)).encode(), {"tenants": list(tenants)}
    )
