"""Rows that differ from what their events produce."""

from typing import LiteralString

from acci.store.postgres.database import Connection
from tests.domains.bank.ledger import corrupt, some_account
from tests.support.corruptions import Wrong, corruption


def account_changed(
    connection: Connection, change: LiteralString, name: str = "accounts", of: LiteralString | None = None
) -> Wrong:
    """Change the row of one account, of those for which `of` (a condition) holds, by `change` (SQL assignments)."""
    query: LiteralString = f"SELECT tenant_id, id FROM read.accounts WHERE {of} ORDER BY id"  # noqa: S608 literals
    tenant, account = next(iter(connection.execute(query))) if of else some_account(connection)
    corrupt(connection, name, "UPDATE {table} SET {to} WHERE id = %(id)s", change, id=account)
    return Wrong("rows", name, {"tenant_id": tenant, "id": account})


def day_changed(connection: Connection, change: LiteralString) -> Wrong:
    """Change one day's turnover by `change` (SQL assignments)."""
    row = connection.execute("SELECT tenant_id, day FROM read.turnover ORDER BY amount DESC LIMIT 1").fetchone()
    assert row is not None
    statement: LiteralString = "UPDATE {table} SET {to} WHERE tenant_id = %(tenant)s AND day = %(day)s"
    corrupt(connection, "turnover", statement, change, tenant=row[0], day=row[1])
    return Wrong("rows", "turnover", {"tenant_id": row[0], "day": str(row[1])})


@corruption(repairable=True)
def row_missing(connection: Connection) -> Wrong:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "DELETE FROM {table} WHERE id = %(id)s", id=account)
    return Wrong("rows", "accounts", {"tenant_id": tenant, "id": account})


@corruption(repairable=True)
def row_extra(connection: Connection) -> Wrong:
    corrupt(connection, "accounts", "INSERT INTO {table} VALUES ('tenant-0', 'made up', 'Eve', now(), 1, 1)")
    return Wrong("rows", "accounts", {"tenant_id": "tenant-0", "id": "made up"})


@corruption(repairable=True)
def row_of_a_closed_account_is_back(connection: Connection) -> Wrong:
    row = connection.execute(
        "SELECT tenant_id, aggregate_id FROM acci.events WHERE event_type = 'AccountClosed' LIMIT 1"
    ).fetchone()
    assert row is not None
    corrupt(
        connection,
        "accounts",
        "INSERT INTO {table} VALUES (%(tenant)s, %(id)s, 'Ann', now(), 1, 1)",
        tenant=row[0],
        id=row[1],
    )
    return Wrong("rows", "accounts", {"tenant_id": row[0], "id": row[1]})


@corruption(repairable=True)
def all_rows_gone(connection: Connection) -> Wrong:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "DELETE FROM {table}")
    return Wrong("rows", "accounts", {"tenant_id": tenant, "id": account})


@corruption(repairable=True)
def row_stale(connection: Connection) -> Wrong:
    return account_changed(connection, "movements = movements - 1")


@corruption(repairable=True)
def count_doubled(connection: Connection) -> Wrong:
    return day_changed(connection, "deposits = deposits * 2, amount = amount * 2")


@corruption(repairable=True)
def one_event_applied_twice(connection: Connection) -> Wrong:
    return day_changed(connection, "deposits = deposits + 1, amount = amount + largest")


@corruption(repairable=True)
def one_event_left_out(connection: Connection) -> Wrong:
    return day_changed(connection, "deposits = deposits - 1")


@corruption(repairable=True)
def maximum_lost(connection: Connection) -> Wrong:
    return day_changed(connection, "largest = NULL")


@corruption(repairable=True)
def key_moved(connection: Connection) -> Wrong:
    return day_changed(connection, "day = day + 1000")


@corruption(repairable=True)
def tenant_wrong(connection: Connection) -> Wrong:
    return account_changed(connection, "tenant_id = 'tenant-of-others'")


@corruption(repairable=True)
def null_in_place_of_a_value(connection: Connection) -> Wrong:
    return account_changed(connection, "note = NULL", of="note IS NOT NULL")


@corruption(repairable=True)
def text_truncated(connection: Connection) -> Wrong:
    return account_changed(connection, "owner = left(owner, -1)", of="owner = 'Bo Zoë'")


@corruption(repairable=True)
def text_with_a_blank_at_its_end(connection: Connection) -> Wrong:
    return account_changed(connection, "owner = owner || ' '")


@corruption(repairable=True)
def decimal_off_by_a_scale(connection: Connection) -> Wrong:
    return account_changed(connection, "balance = balance * 10")


@corruption(repairable=True)
def decimal_off_by_a_cent(connection: Connection) -> Wrong:
    return account_changed(connection, "balance = balance + 0.01")


@corruption(repairable=True)
def sign_lost(connection: Connection) -> Wrong:
    return account_changed(connection, "balance = -balance")


@corruption(repairable=True)
def time_shifted(connection: Connection) -> Wrong:
    return account_changed(connection, "since = since + interval '1 hour'")


@corruption(repairable=True)
def time_off_by_a_microsecond(connection: Connection) -> Wrong:
    return account_changed(connection, "since = since - interval '1 microsecond'")


@corruption(repairable=True)
def two_rows_swapped(connection: Connection) -> Wrong:
    tenant, account = some_account(connection)
    corrupt(
        connection,
        "accounts",
        """UPDATE {table} AS a SET balance = b.balance FROM {table} AS b
           WHERE a.id = %(id)s AND b.id = (SELECT max(id) FROM {table} WHERE id <> %(id)s)""",
        id=account,
    )
    return Wrong("rows", "accounts", {"tenant_id": tenant, "id": account})


@corruption(repairable=True)
def fold_in_python_edited(connection: Connection) -> Wrong:
    return account_changed(connection, "movements = movements || '[\"0\"]'", "statements")


@corruption(repairable=True)
def fold_in_python_missing(connection: Connection) -> Wrong:
    tenant, account = some_account(connection)
    corrupt(connection, "statements", "DELETE FROM {table} WHERE id = %(id)s", id=account)
    return Wrong("rows", "statements", {"tenant_id": tenant, "id": account})
