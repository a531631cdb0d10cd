"""The bank's database as tests want it: built once a run, copied for each test, and corrupted on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from psycopg import sql

from acci.store.auditing.audit import Audited, audit, chosen
from acci.store.auditing.scope import WHOLE, AuditScope
from acci.store.generations import generations
from acci.store.log.bulk import append_in_bulk
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection, connect
from acci.store.rebuilding import build as rebuilding
from acci.store.registry import Catalogue, load
from tests.domains.bank.histories import history

EVENTS = 300


def build(database_url: str) -> None:
    """Afterwards the log has a history, and every read model is live and has applied it."""
    catalogue = load(["tests.domains.bank"])
    with connect(database_url, "test") as connection:
        append_in_bulk(connection, history(1, EVENTS), PAYLOAD_LIMIT)
        for projection in catalogue.projections.values():
            rebuilding.rebuild(connection, catalogue, projection)


def audited(
    connection: Connection, catalogue: Catalogue, *names: str, projection: str | None = None, extent: AuditScope = WHOLE
) -> list[Audited]:
    """What the checks named (none: all) come to."""
    return [audit(connection, catalogue, *pair, extent) for pair in chosen(catalogue, names, projection)]


def corrupt(connection: Connection, name: str, statement: LiteralString, to: LiteralString = "", **values: Any) -> None:
    """Change the live table of `name` behind ACCI's back; {table} in `statement` stands for it, {to} for `to`."""
    generation = generations.live(connection, name)
    assert generation is not None
    table = sql.Identifier(generation.schema, name)
    assert connection.execute(sql.SQL(statement).format(table=table, to=sql.SQL(to)), values).rowcount > 0


@contextmanager
def tampering(connection: Connection) -> Iterator[None]:
    """Inside, the log can be changed, as somebody could who owns the database."""
    with connection.transaction():
        connection.execute("ALTER TABLE acci.events DISABLE TRIGGER USER")
        yield
        connection.execute("ALTER TABLE acci.events ENABLE ALWAYS TRIGGER events_are_append_only")


def some_account(connection: Connection) -> tuple[str, str]:
    """An open account with movements: (tenant_id, id)."""
    row = connection.execute(
        "SELECT tenant_id, id FROM read.accounts WHERE movements > 2 ORDER BY tenant_id, id LIMIT 1"
    ).fetchone()
    assert row is not None
    return row[0], row[1]
