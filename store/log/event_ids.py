"""Event ids: no two events have the same.

An append compares its own events only. An import or a bulk append looks its ids up in the whole log, one such append at
a time. A unique index does that for every append, at a fifth of the rate: a setting, which `migrate` carries out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from psycopg import errors

from acci.domain.errors import AcciError
from acci.domain.events import StreamId
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.statements import sql

FEW = 50  # ids: up to so many, looking each up takes less time than one scan of the log
UNIQUE = "events_id_key"


class DuplicateIds(AcciError):
    """The log has events with the same id, so that no unique index can be made."""

    reason: str

    sentence = (
        "Event ids cannot be made unique: {reason}. Find them with `acci run audit` (event_ids); until then "
        "leave ACCI_UNIQUE_EVENT_IDS out."
    )


def lock_bulk_appends(connection: Connection) -> None:
    """Until the transaction ends no other bulk append runs; what earlier ones added is visible from now on."""
    connection.execute(sql("log/event_ids:lock"))


@contextmanager
def planned_for_many_ids(connection: Connection) -> Iterator[None]:
    """Let the planner look up many ids in one scan of the log; in the caller's transaction."""
    connection.execute(sql("log/event_ids:plan_row_by_row"), {"row_by_row": "off"})
    yield
    connection.execute(sql("log/event_ids:plan_row_by_row"), {"row_by_row": "on"})


def duplicate_id(
    connection: Connection, ids: Sequence[UUID], after: int, to: int, last: StreamId, version: int
) -> UUID | None:
    """An id that more than one event has, of those that a COPY stored in (after, to], `last` and `version` its last.

    `ids` are those of these events, or only more than `FEW` of them.
    """
    if len(ids) <= FEW:
        row = connection.execute(sql("log/event_ids:duplicate_of_few"), {"ids": list(ids)}).fetchone()
    else:
        bounds = {"after": after, "to": to, **last._asdict(), "version": version}
        with planned_for_many_ids(connection):
            row = connection.execute(sql("log/event_ids:duplicate"), bounds, prepare=False).fetchone()
    return row[0] if row else None


def make_unique(database_url: str, wanted: bool) -> str | None:
    """Have PostgreSQL refuse duplicate event ids, or no longer; what was done, if anything. Blocks no append.

    Raises `DuplicateIds` if the log has events with the same id.
    """
    with connect(database_url, "migrate") as connection:
        row = connection.execute(sql("log/event_ids:is_unique")).fetchone()
        is_unique = row[0] if row else None
        if not wanted:
            connection.execute(sql("log/event_ids:drop_index"))
            return None if is_unique is None else "event ids are no longer unique"
        if is_unique:
            return None
        connection.execute(sql("log/event_ids:drop_index"))  # left by an interrupted or failed attempt
        try:
            connection.execute(sql("log/event_ids:create_index"))
        except errors.UniqueViolation as error:
            connection.execute(sql("log/event_ids:drop_index"))
            raise DuplicateIds(f"{error.diag.message_detail}".rstrip(".")) from error
        return "event ids are unique"
