"""Histories made by PostgreSQL itself, quickly and the same each time, and what they must come to, by other means."""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

from psycopg import sql

from acci.store.postgres.database import Connection

LONGER = int(os.environ.get("ACCI_TEST_LONGER", "1"))  # factor for the duration of the tests under load


@cache
def statement(name: str) -> LiteralString:
    """The text of the SQL file `name` of this folder."""
    return (Path(__file__).parent / name).with_suffix(".sql").read_text(encoding="utf-8")


def append_users(connection: Connection, count: int, first: int = 1) -> None:
    """The histories of `count` users, about 4.5 events each, in one statement."""
    connection.execute(statement("users"), {"first": first, "last": first + count - 1})


def append_orders(connection: Connection, count: int, prefix: str = "order-") -> None:
    """`count` orders of as many streams, in one statement."""
    connection.execute(statement("orders"), {"prefix": prefix, "count": count})


def append_bad_order(connection: Connection) -> None:
    """An order that no projection of orders can apply: its amount is no number."""
    connection.execute(statement("bad_order"))


def append_bad_item(connection: Connection) -> None:
    """The second event of order-1, a quantity that is no number: order_totals cannot apply it."""
    connection.execute(statement("bad_item"))


def append_probe(connection: Connection, stream: str, version: int = 1) -> int:
    """One event that no projection knows; its position."""
    return int(value(connection, statement("probe"), {"stream": stream, "version": version}))


def copy_probes(connection: Connection, ids: Iterable[str], stream: str) -> None:
    """As many such events as `ids`, versions 1 and on of one stream, by COPY."""
    with connection.cursor() as cursor, cursor.copy(statement("copy")) as copy:
        for version, event_id in enumerate(ids, start=1):
            copy.write_row(("now", event_id, version, "t", "Probe", stream, "Probed", "{}", "{}"))


def cut_log(connection: Connection, after: int) -> None:
    """Leave the log as an older backup of it alone would: no event above `after`, and positions drawn again."""
    with connection.transaction():
        connection.execute("ALTER TABLE acci.events DISABLE TRIGGER events_are_append_only")
        connection.execute("DELETE FROM acci.events WHERE position > %s", (after,))
        connection.execute("ALTER TABLE acci.events ENABLE ALWAYS TRIGGER events_are_append_only")
        connection.execute("SELECT setval('acci.events_position_seq', %s)", (after,))


def differences(connection: Connection, rows: str, table: str) -> int:
    """How many rows of `table` (schema.name) are missing, extra or different from the query in the file `rows`."""
    expected = sql.SQL(statement(rows))
    look = connection.execute(sql.SQL("SELECT * FROM ({}) AS expected LIMIT 0").format(expected))
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in look.description or ())
    compared = sql.SQL(statement("differences")).format(
        expected=expected, columns=columns, table=sql.Identifier(*table.split("."))
    )
    return int(value(connection, compared))


def value(connection: Connection, query: LiteralString | sql.Composed, parameters: Any = None) -> Any:
    """The one value that `query` gives."""
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]
