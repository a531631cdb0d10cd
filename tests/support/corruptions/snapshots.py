"""Snapshots that differ from what their streams' events fold to."""

from typing import LiteralString

from psycopg import sql

from acci.store.postgres.database import Connection
from tests.support.corruptions import Wrong, corruption


def changed(connection: Connection, change: LiteralString, check: str = "snapshots") -> Wrong:
    """Change one snapshot by `change` (SQL assignments)."""
    statement = sql.SQL(
        """UPDATE acci.snapshots AS s SET {}
           FROM (SELECT aggregate_id, version FROM acci.snapshots ORDER BY aggregate_id LIMIT 1) AS one
           WHERE (s.aggregate_id, s.version) = (one.aggregate_id, one.version)
           RETURNING s.tenant_id, s.aggregate_type, s.aggregate_id, s.version"""
    )
    row = connection.execute(statement.format(sql.SQL(change))).fetchone()
    assert row is not None
    names = ("tenant_id", "aggregate_type", "aggregate_id", "version")
    return Wrong(check, None, dict(zip(names, map(str, row), strict=True)))


@corruption(repairable=True)
def snapshot_edited(connection: Connection) -> Wrong:
    return changed(connection, "state = jsonb_set(s.state, '{balance}', '\"1000000\"')")


@corruption(repairable=True)
def snapshot_with_a_field_missing(connection: Connection) -> Wrong:
    return changed(connection, "state = s.state - 'owner'")


@corruption(repairable=True)
def snapshot_that_is_no_object(connection: Connection) -> Wrong:
    return changed(connection, "state = '[]'")


@corruption(repairable=True)
def snapshot_of_another_version(connection: Connection) -> Wrong:
    return changed(connection, "version = s.version - 2")


@corruption(repairable=True)
def snapshot_of_a_version_that_never_was(connection: Connection) -> Wrong:
    return changed(connection, "version = s.version + 100", "snapshot_versions")


@corruption(repairable=True)
def snapshot_of_another_stream(connection: Connection) -> Wrong:
    return changed(
        connection,
        "state = (SELECT state FROM acci.snapshots ORDER BY state ->> 'balance' DESC, aggregate_id DESC LIMIT 1)",
    )
