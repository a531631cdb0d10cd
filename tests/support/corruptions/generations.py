"""Generations, views and parked keys that are not as ACCI left them."""

from psycopg import sql

from acci.store.generations import generations
from acci.store.postgres.database import Connection
from acci.store.rebuilding import build, new_generation
from acci.store.registry import load
from tests.domains.bank.ledger import some_account
from tests.support.corruptions import Wrong, corruption


def live(connection: Connection, name: str) -> generations.Generation:
    found = generations.live(connection, name)
    assert found is not None
    return found


@corruption(repairable=True)
def view_gone(connection: Connection) -> Wrong:
    connection.execute("DROP VIEW read.accounts")
    return Wrong("views", None, {"projection": "accounts"})


@corruption(repairable=True)
def view_of_another_table(connection: Connection) -> Wrong:
    connection.execute("CREATE TABLE public.accounts AS SELECT * FROM read.accounts LIMIT 0")
    connection.execute("DROP VIEW read.accounts")
    connection.execute("CREATE VIEW read.accounts AS SELECT * FROM public.accounts")
    return Wrong("views", None, {"projection": "accounts"})


@corruption(repairable=True)
def view_that_shows_every_tenant(connection: Connection) -> Wrong:
    table = sql.Identifier(live(connection, "accounts").schema, "accounts")
    connection.execute(sql.SQL("CREATE OR REPLACE VIEW read.accounts AS SELECT * FROM {}").format(table))
    return Wrong("views", None, {"projection": "accounts"})


@corruption(repairable=False)
def schema_left_over(connection: Connection) -> Wrong:
    connection.execute("CREATE SCHEMA generation_4711")
    return Wrong("generations", None, {"schema": "generation_4711"})


@corruption(repairable=False)
def build_left_over(connection: Connection) -> Wrong:
    catalogue = load(["tests.domains.bank"])
    begun, _ = new_generation.begin(connection, catalogue, catalogue.projection("turnover"), 1)
    return Wrong("generations", None, {"schema": begun.schema})


@corruption(repairable=False)
def column_added(connection: Connection) -> Wrong:
    table = sql.Identifier(live(connection, "accounts").schema, "accounts")
    connection.execute(sql.SQL("ALTER TABLE {} ADD COLUMN remark text").format(table))
    return Wrong("table", "accounts", {"part": "column remark was added"})


@corruption(repairable=False)
def rule_that_keeps_rows(connection: Connection) -> Wrong:
    table = sql.Identifier(live(connection, "accounts").schema, "accounts")
    connection.execute(sql.SQL("CREATE RULE keeps AS ON DELETE TO {} DO INSTEAD NOTHING").format(table))
    return Wrong("table", "accounts", {"part": "rule keeps was added"})


@corruption(repairable=False)
def table_open_to_every_tenant(connection: Connection) -> Wrong:
    table = sql.Identifier(live(connection, "accounts").schema, "accounts")
    connection.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table))
    return Wrong("table", "accounts", {"part": "exemption from row level security was added"})


@corruption(repairable=False)
def table_of_a_kept_generation_gone(connection: Connection) -> Wrong:
    catalogue = load(["tests.domains.bank"])
    kept = live(connection, "accounts")
    build.rebuild(connection, catalogue, catalogue.projection("accounts"))
    connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(kept.schema, "accounts")))
    return Wrong("generations", None, {"schema": kept.schema})


@corruption(repairable=False)
def made_by_other_rules(connection: Connection) -> Wrong:
    connection.execute(
        "UPDATE acci.generations SET fingerprint = 'other' WHERE state = 'live' AND projection = 'turnover'"
    )
    return Wrong("rules", "turnover", {})


@corruption(repairable=True)
def key_parked_for_nothing(connection: Connection) -> Wrong:
    tenant, account = some_account(connection)
    parameters = {"generation": live(connection, "accounts").generation, "key": [tenant, account]}
    connection.execute("INSERT INTO acci.parked_keys VALUES (%(generation)s, %(key)s, 1)", parameters)
    return Wrong("parked_keys", None, {"projection": "accounts", "key": f"{tenant}/{account}"})


@corruption(repairable=False)
def event_set_aside_without_a_key(connection: Connection) -> Wrong:
    parameters = {"generation": live(connection, "accounts").generation}
    connection.execute(
        """INSERT INTO acci.dead_letters (generation, position, event_type, keys, error, payload)
           VALUES (%(generation)s, 1, 'AccountOpened', '[]', 'made up', '{}')""",
        parameters,
    )
    return Wrong("dead_letters", None, {"projection": "accounts", "position": "1"})
