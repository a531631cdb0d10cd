"""The event log is append-only by the database itself, for every role and statement."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql as identifiers

from acci.store.postgres.database import Connection, connect
from tests.support.histories import append_probe, append_users, value

CHANGES: list[LiteralString] = [
    "UPDATE acci.events SET data = '{}'",
    "UPDATE acci.events SET data = '{}' WHERE position = 1",
    "UPDATE acci.events SET version = version WHERE false",
    "DELETE FROM acci.events",
    "DELETE FROM acci.events WHERE position = 1",
    "DELETE FROM ONLY acci.events WHERE position = -1",
    "TRUNCATE acci.events",
    "TRUNCATE ONLY acci.events CASCADE",
    """MERGE INTO acci.events AS e USING (VALUES (1)) AS v (position) ON e.position = v.position
       WHEN MATCHED THEN UPDATE SET event_type = 'Other'""",
    """MERGE INTO acci.events AS e USING (VALUES (1)) AS v (position) ON e.position = v.position
       WHEN MATCHED THEN DELETE""",
    """INSERT INTO acci.events ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                metadata)
       SELECT "timestamp", id, version, tenant_id, aggregate_type, aggregate_id, 'Other', data, metadata
       FROM acci.events
       ON CONFLICT (tenant_id, aggregate_type, aggregate_id, version) DO UPDATE SET event_type = 'Other'""",
    "WITH gone AS (DELETE FROM acci.events RETURNING position) SELECT count(*) FROM gone",
]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url, "test") as opened:
        append_users(opened, 5)
        yield opened


def content(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT * FROM acci.events ORDER BY position").fetchall()


@pytest.mark.parametrize("as_a", ["superuser", "role with every right", "replica"])
def test_events_cannot_be_updated_or_deleted(connection: Connection, as_a: str) -> None:
    before = content(connection)
    role = identifiers.Identifier(f"keeper_{connection.info.dbname.rpartition('_')[2]}")
    if as_a == "superuser":
        assert value(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    elif as_a == "replica":
        connection.execute("SET session_replication_role = replica")
    else:
        connection.execute(identifiers.SQL("CREATE ROLE {} BYPASSRLS").format(role))
        connection.execute(identifiers.SQL("GRANT ALL ON SCHEMA acci TO {}").format(role))
        connection.execute(identifiers.SQL("GRANT ALL ON ALL TABLES IN SCHEMA acci TO {}").format(role))
        connection.execute(identifiers.SQL("SET ROLE {}").format(role))
    try:
        for change in CHANGES:
            with pytest.raises(psycopg.errors.RestrictViolation, match="events are append-only") as refusal:
                connection.execute(change)
            assert refusal.value.diag.message_hint == "Append an event that corrects the old one instead."
            assert content(connection) == before
    finally:
        connection.execute("RESET ROLE")
        connection.execute("RESET session_replication_role")
        if as_a == "role with every right":
            connection.execute(identifiers.SQL("DROP OWNED BY {}").format(role))
            connection.execute(identifiers.SQL("DROP ROLE {}").format(role))


def test_positions_cannot_be_chosen(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.GeneratedAlways):
        connection.execute(
            """INSERT INTO acci.events (position, "timestamp", id, version, tenant_id, aggregate_type, aggregate_id,
                                        event_type, data, metadata)
               VALUES (1000, now(), gen_random_uuid(), 1, 't', 'Probe', 'given', 'Probed', '{}', '{}')"""
        )


def test_appending_goes_on(connection: Connection) -> None:
    before = content(connection)
    position = append_probe(connection, "new")
    assert position > before[-1][0]
    assert content(connection)[:-1] == before
