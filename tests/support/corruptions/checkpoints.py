"""Checkpoints that do not say how far the rows have come."""

from acci.store.log.bulk import append_in_bulk
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection
from acci.store.projecting import batches
from acci.store.registry import load
from tests.domains.bank.histories import history
from tests.domains.bank.ledger import tampering
from tests.support.corruptions import Wrong, corruption


def move_checkpoint(connection: Connection, name: str, by: int) -> None:
    statement = "UPDATE acci.generations SET checkpoint = checkpoint + %s WHERE state = 'live' AND projection = %s"
    assert connection.execute(statement, (by, name)).rowcount == 1


def later_account(connection: Connection) -> dict[str, str]:
    """The key of an account that was opened beyond the bank's own history."""
    row = connection.execute(
        """SELECT tenant_id, aggregate_id FROM acci.events WHERE event_type = 'AccountOpened'
           ORDER BY position DESC LIMIT 1"""
    ).fetchone()
    assert row is not None
    return {"tenant_id": row[0], "id": row[1]}


@corruption(repairable=True)
def checkpoint_ahead(connection: Connection) -> Wrong:
    append_in_bulk(connection, history(7, 40), PAYLOAD_LIMIT)
    for name in ("turnover", "statements"):
        batches.catch_up(connection, load(["tests.domains.bank"]), load(["tests.domains.bank"]).projection(name))
    move_checkpoint(connection, "accounts", 40)
    return Wrong("rows", "accounts", later_account(connection))


@corruption(repairable=True)
def checkpoint_behind_with_rows_ahead(connection: Connection) -> Wrong:
    append_in_bulk(connection, history(7, 40), PAYLOAD_LIMIT)
    for projection in load(["tests.domains.bank"]).projections.values():
        batches.catch_up(connection, load(["tests.domains.bank"]), projection)
    move_checkpoint(connection, "accounts", -40)
    return Wrong("rows", "accounts", later_account(connection))


@corruption(repairable=False)
def checkpoint_beyond_the_log(connection: Connection) -> Wrong:
    move_checkpoint(connection, "turnover", 1000)
    row = connection.execute(
        "SELECT generation FROM acci.generations WHERE state = 'live' AND projection = 'turnover'"
    ).fetchone()
    assert row is not None
    return Wrong("checkpoints", None, {"generation": str(row[0])})


@corruption(repairable=False)
def mark_lost(connection: Connection) -> Wrong:
    row = connection.execute("SELECT min(generation) FROM acci.generations WHERE state = 'live'").fetchone()
    assert row is not None
    connection.execute("DELETE FROM acci.high_water")
    return Wrong("checkpoints", None, {"generation": str(row[0])})


@corruption(repairable=False)
def mark_beyond_the_log(connection: Connection) -> Wrong:
    connection.execute("UPDATE acci.high_water SET position = position + 1000")
    return Wrong("log_positions", None, {"what": "the high-water mark"})


@corruption(repairable=False)
def events_left_waiting(connection: Connection) -> Wrong:
    append_in_bulk(connection, history(7, 1), PAYLOAD_LIMIT)
    with tampering(connection):
        connection.execute(
            """UPDATE acci.events SET recorded_at = recorded_at - interval '1 hour'
               WHERE position = (SELECT max(position) FROM acci.events)"""
        )
    return Wrong("lag", None, {"projection": "accounts"})
