"""Corrupted idempotency records: a repeated command would get a wrong answer."""

from typing import LiteralString

from acci.store.postgres.database import Connection
from tests.support.corruptions import Wrong, corruption

TENANT = "tenant-0"
FIRST, SECOND = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"


def handled(connection: Connection) -> None:
    """Two commands were handled, each of which led to an event of a stream of its own."""
    for command in (FIRST, SECOND):
        connection.execute(
            """WITH stored AS (
                   INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                                            data, metadata)
                   VALUES (now(), gen_random_uuid(), 1, %(tenant)s, 'Account', %(command)s, 'AccountOpened',
                           '{"owner": "Ann", "since": "2026-01-01T00:00:00Z"}',
                           jsonb_build_object('tenant_id', %(tenant)s::text, 'correlation_id', 'c',
                                              'causation_id', %(command)s::text))
                   RETURNING position
               )
               INSERT INTO acci.commands (recorded_at, id, tenant_id, name, content, positions)
               SELECT now(), %(command)s::uuid, %(tenant)s, 'Open', sha256('open'), ARRAY[position] FROM stored""",
            {"tenant": TENANT, "command": command},
        )


def meddled(connection: Connection, change: LiteralString, check: str = "commands") -> Wrong:
    handled(connection)
    assert connection.execute(change, {"first": FIRST, "second": SECOND}).rowcount
    return Wrong(check, None, {"tenant_id": TENANT, "command": FIRST})


@corruption(repairable=False)
def command_forgotten(connection: Connection) -> Wrong:
    return meddled(connection, "DELETE FROM acci.commands WHERE id = %(first)s", "forgotten_commands")


@corruption(repairable=False)
def commands_exchanged(connection: Connection) -> Wrong:
    change: LiteralString = """UPDATE acci.commands AS c SET positions = other.positions FROM acci.commands AS other
        WHERE (c.id, other.id) IN ((%(first)s, %(second)s), (%(second)s, %(first)s))"""
    return meddled(connection, change)


@corruption(repairable=False)
def command_emptied(connection: Connection) -> Wrong:
    return meddled(connection, "UPDATE acci.commands SET positions = '{}' WHERE id = %(first)s")


@corruption(repairable=False)
def command_of_another_tenant(connection: Connection) -> Wrong:
    change: LiteralString = "UPDATE acci.commands SET tenant_id = 'tenant-1' WHERE id = %(first)s"
    return meddled(connection, change, "forgotten_commands")


@corruption(repairable=False)
def command_whose_content_is_gone(connection: Connection) -> Wrong:
    return meddled(connection, "UPDATE acci.commands SET content = '' WHERE id = %(first)s")


@corruption(repairable=False)
def command_whose_content_was_cut(connection: Connection) -> Wrong:
    return meddled(connection, "UPDATE acci.commands SET content = 'short' WHERE id = %(first)s")
