"""The outbox: rows are put there with a head for each key, in the transaction that decided them."""

import json
import threading

import pytest
from psycopg.errors import UniqueViolation

from acci.store.postgres.database import Connection, connect
from acci.store.reacting.outbox import put
from tests.support.outboxes import fill, register, row

WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(autouse=True)
def reaction(connection: Connection) -> None:
    register(connection)


def heads(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT tenant_id, key FROM acci.outbox_heads ORDER BY 1, 2").fetchall()


def test_rows_are_stored_as_they_are_with_one_head_a_key(connection: Connection) -> None:
    rows = [row(1, "a"), row(1, "a", ordinal=1), row(2, "é\t\\N\n"), row(3, "a", tenant_id="other")]
    fill(connection, *rows)
    stored = connection.execute(
        "SELECT position, rewind, ordinal, reaction, tenant_id, key, kind, topic, correlation_id, event_id, content"
        " FROM acci.outbox ORDER BY position, ordinal"
    ).fetchall()
    assert [each[:10] for each in stored] == [
        (r.position, r.rewind, r.ordinal, r.reaction, r.tenant_id, r.key, r.kind, r.topic, r.correlation_id, r.event_id)
        for r in rows
    ]
    assert [each[10] for each in stored] == [json.loads(r.content) for r in rows]
    assert heads(connection) == [("acme", "a"), ("acme", "é\t\\N\n"), ("other", "a")]


def test_nothing_is_put_for_nothing(connection: Connection) -> None:
    fill(connection)
    assert heads(connection) == []


def test_a_key_that_waits_for_its_turn_is_not_made_due_by_a_new_row(connection: Connection) -> None:
    fill(connection, row(1, "a"))
    connection.execute("UPDATE acci.outbox_heads SET due = 'infinity', tries = 3, error = 'no'")
    fill(connection, row(2, "a"))
    found = connection.execute("SELECT due = 'infinity', tries, error FROM acci.outbox_heads").fetchall()
    assert found == [(True, 3, "no")]


def test_a_head_that_ends_meanwhile_is_made_again(connection: Connection, database_url: str) -> None:
    fill(connection, row(1, "a"))
    with connect(database_url, "another") as another, connect(database_url, "watch") as watch:
        with another.transaction():
            another.execute("DELETE FROM acci.outbox_heads")
            another.execute("DELETE FROM acci.outbox")
            adding = threading.Thread(target=fill, args=(connection, row(2, "a")))
            adding.start()
            while not watch.execute(WAITING).fetchall():
                pass
        adding.join()
    assert heads(connection) == [("acme", "a")]


def test_a_row_is_put_once(connection: Connection) -> None:
    fill(connection, row(1, "a"))
    with pytest.raises(UniqueViolation), connection.transaction():
        put(connection, [row(1, "b")])
    assert heads(connection) == [("acme", "a")]
