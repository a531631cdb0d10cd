"""ACCI's own objects against what the migrations make: audits and health find every weakened one."""

from collections.abc import Iterator
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Identifier

from acci.store.auditing.schema import FILE, described, differences, made_by_migrations
from acci.store.generations import generations
from acci.store.monitoring.checks.check import Bounds
from acci.store.monitoring.health import examine
from acci.store.postgres.database import Connection, connect
from acci.store.registry import Catalogue, load
from acci.store.settings import Settings
from tests.domains.bank.ledger import audited
from tests.schema import READABLE, as_json, as_sql
from tests.support.servers import SharedServer

IN_DATABASE: LiteralString = "DO $$ BEGIN EXECUTE format('{} ON DATABASE %I {}', current_catalog); END $$"
AUTHORIZATION: dict[str, tuple[LiteralString, str]] = {
    "row security off": ("ALTER TABLE acci.events DISABLE ROW LEVEL SECURITY", "row security of table acci.events"),
    "a policy replaced": (
        "ALTER POLICY of_the_tenant ON acci.events USING (true)",
        "policy of_the_tenant on acci.events",
    ),
    "a policy added": ("CREATE POLICY more ON acci.commands USING (true)", "policy more on acci.commands"),
    "a policy gone": ("DROP POLICY of_every_tenant ON acci.events", "policy of_every_tenant on acci.events"),
    "a policy for others": (
        "ALTER POLICY of_every_tenant ON acci.events TO PUBLIC",
        "policy of_every_tenant on acci.events",
    ),
    "rights of a role": (
        "GRANT UPDATE ON acci.generations TO acci_append",
        "right to UPDATE table acci.generations of acci_append",
    ),
    "rights of everybody": ("GRANT SELECT ON acci.seals TO PUBLIC", "right to SELECT table acci.seals of PUBLIC"),
    "rights to a column": (
        "GRANT INSERT (position) ON acci.events TO acci_append",
        'right to INSERT column acci.events."position" of acci_append',
    ),
    "rights gone": ("REVOKE SELECT ON acci.events FROM acci_read", "right to SELECT table acci.events of acci_read"),
    "rights to pass on": (
        "GRANT SELECT ON acci.events TO acci_read WITH GRANT OPTION",
        "right to SELECT table acci.events of acci_read",
    ),
    "a borrowed function": (
        "GRANT EXECUTE ON FUNCTION acci.make_schema(text) TO PUBLIC",
        "right to EXECUTE function acci.make_schema(name text) of PUBLIC",
    ),
    "rights to a schema": (
        "GRANT CREATE ON SCHEMA acci TO acci_project",
        "right to CREATE schema acci of acci_project",
    ),
    "rights to a sequence": (
        "GRANT UPDATE ON acci.events_position_seq TO acci_append",
        "right to UPDATE sequence acci.events_position_seq of acci_append",
    ),
    "rights to come": (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA acci GRANT SELECT ON TABLES TO PUBLIC",
        "default right to SELECT in acci of PUBLIC on tables made by (owner)",
    ),
    "an owner": ("ALTER TABLE acci.seals OWNER TO acci_administer", "table acci.seals"),
    "the owner of a function": ("ALTER FUNCTION acci.sessions() OWNER TO acci_administer", "function acci.sessions("),
    "the owner of the schema": ("ALTER SCHEMA acci OWNER TO acci_project", "schema acci"),
    "the owner of a table with a sequence": ("ALTER TABLE acci.events OWNER TO acci_append", "table acci.events"),
    "an owner without rights": (
        "REVOKE ALL ON acci.events FROM acci",
        "right to DELETE, INSERT, SELECT, UPDATE acci.events of acci",
    ),
    "a role to log in as": ("ALTER ROLE acci_append LOGIN", "role acci_append"),
    "the database open to the server": (
        IN_DATABASE.format("GRANT CONNECT", "TO PUBLIC"),
        "right to CONNECT to database",
    ),
    "schemas from everybody": (IN_DATABASE.format("GRANT CREATE", "TO PUBLIC"), "right to CREATE in database"),
    "schemas from a role": (IN_DATABASE.format("GRANT CREATE", "TO acci_append"), "right to CREATE in database"),
    "the owner of the database": (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO acci_read', current_catalog); END $$",
        "database",
    ),
}
GUARDS: dict[str, tuple[LiteralString, str]] = {
    "a function that refuses nothing": (
        (
            "CREATE OR REPLACE FUNCTION acci.refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN NULL; END $$"
        ),
        "body of function acci.refuse_change()",
    ),
    "a mark that waits for nobody": (
        "CREATE OR REPLACE FUNCTION acci.appending() RETURNS text[] LANGUAGE sql RETURN '{}'::text[]",
        "body of function acci.appending()",
    ),
    "settings of a function": (
        "ALTER FUNCTION acci.make_schema(text) RESET ALL",
        "body of function acci.make_schema(name text)",
    ),
    "borrowed rights": (
        "ALTER FUNCTION acci.raise_high_water SECURITY DEFINER",
        "body of function acci.raise_high_water(mark bigint)",
    ),
    "an aggregate": (
        "DROP AGGREGATE acci.first(anyelement) CASCADE",
        "aggregate acci.first(anyelement)",
    ),
    "seals that can be changed": ("DROP TRIGGER seals_are_kept ON acci.seals", "trigger seals_are_kept on acci.seals"),
    "events that vanish": (
        (
            "CREATE FUNCTION public.drop_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
            "CREATE TRIGGER gone BEFORE INSERT ON acci.events FOR EACH ROW EXECUTE FUNCTION public.drop_it()"
        ),
        "trigger gone on acci.events",
    ),
    "a rule": ("CREATE RULE gone AS ON DELETE TO acci.seals DO INSTEAD NOTHING", "rule gone on acci.seals"),
    "foreign keys silenced": (
        "ALTER TABLE acci.partitions DISABLE TRIGGER ALL",
        "trigger",
    ),
    "triggers silenced for all": (
        (
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_catalog);"
            " END $$"
        ),
        "setting session_replication_role",
    ),
}
TABLES: dict[str, tuple[LiteralString, str]] = {
    "versions that may repeat": (
        "ALTER TABLE acci.events DROP CONSTRAINT events_stream_version_key",
        "constraint events_stream_version_key of acci.events",
    ),
    "a check gone": (
        "ALTER TABLE acci.events DROP CONSTRAINT events_version_check",
        "constraint events_version_check of acci.events",
    ),
    "a check that lets everything pass": (
        "ALTER TABLE acci.seals DROP CONSTRAINT seals_check, ADD CONSTRAINT seals_check CHECK (upto IS NOT NULL)",
        "constraint seals_check of acci.seals",
    ),
    "a constraint added": (
        "ALTER TABLE acci.events ADD CHECK (version < 1000000)",
        "constraint events_version_check1 of acci.events",
    ),
    "a column that may be NULL": (
        "ALTER TABLE acci.events ALTER metadata DROP NOT NULL",
        "NULL in column acci.events.metadata",
    ),
    "another default": (
        "ALTER TABLE acci.events ALTER recorded_at SET DEFAULT '2000-01-01'",
        "default of column acci.events.recorded_at",
    ),
    "positions at will": (
        "ALTER TABLE acci.events ALTER position SET GENERATED BY DEFAULT",
        'identity of column acci.events."position"',
    ),
    "a column more": ("ALTER TABLE acci.events ADD COLUMN mine text", "column acci.events.mine"),
    "another type": ("ALTER TABLE acci.imports ALTER lines TYPE integer", "column acci.imports.lines"),
    "unlogged": ("ALTER TABLE acci.snapshots SET UNLOGGED", "table acci.snapshots"),
    "positions drawn ahead": (
        "ALTER SEQUENCE acci.events_position_seq CACHE 50",
        "numbers of sequence acci.events_position_seq",
    ),
    "positions that come again": (
        "ALTER SEQUENCE acci.events_position_seq CYCLE",
        "numbers of sequence acci.events_position_seq",
    ),
    "an index gone": ("DROP INDEX acci.generations_live_key", "index generations_live_key of acci.generations"),
    "an index that serves nobody": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'acci.generations_live_key'::regclass",
        "index acci.generations_live_key",
    ),
    "long payloads refused": (
        "ALTER TABLE acci.events ALTER data SET STORAGE PLAIN",
        "storage of column acci.events.data",
    ),
    "positions that a crash forgets": (
        "ALTER SEQUENCE acci.events_position_seq SET UNLOGGED",
        "sequence acci.events_position_seq",
    ),
    "what was acknowledged lost": (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_catalog); END $$",
        "setting synchronous_commit of DATABASE",
    ),
    "an extension gone": ("DROP EXTENSION btree_gin CASCADE", "extension btree_gin"),
    "a domain more": ("CREATE DOMAIN acci.mine AS text", "domain acci.mine"),
    "a materialized view more": ("CREATE MATERIALIZED VIEW acci.mine AS SELECT 1", "materialized view acci.mine"),
    "rows of another table": ("CREATE TABLE public.phantom () INHERITS (acci.events)", "table public.phantom"),
    "a table gone": ("DROP TABLE acci.lag_samples", "table acci.lag_samples"),
}
READ_MODELS: dict[str, tuple[LiteralString, str]] = {
    "unlogged": ("ALTER TABLE {table} SET UNLOGGED", "table {place}"),
    "row security off": ("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", "row security of table {place}"),
    "row security forced": ("ALTER TABLE {table} FORCE ROW LEVEL SECURITY", "row security of table {place}"),
    "a policy replaced": ("ALTER POLICY of_the_tenant ON {table} USING (true)", "policy of_the_tenant on {place}"),
    "a policy for all": ("ALTER POLICY of_every_tenant ON {table} TO PUBLIC", "policy of_every_tenant on {place}"),
    "a policy gone": ("DROP POLICY of_the_tenant ON {table}", "policy of_the_tenant on {place}"),
    "a policy added": ("CREATE POLICY mine ON {table} USING (true)", "policy mine on {place}"),
    "an owner": ("ALTER TABLE {table} OWNER TO acci", "table {place}"),
    "its owner without rights": (
        "REVOKE ALL ON {table} FROM acci_project",
        "right to DELETE, INSERT, SELECT, UPDATE {place} of acci_project",
    ),
    "rights to make things beside it": (
        "GRANT CREATE ON SCHEMA {schema} TO PUBLIC",
        "right to CREATE schema {schema} of PUBLIC",
    ),
    "a view by its readers' rights": ("ALTER VIEW read.accounts SET (security_invoker)", "view read.accounts"),
    "the owner of its view": ("ALTER VIEW read.accounts OWNER TO acci", "view read.accounts"),
    "rights of everybody": ("GRANT SELECT ON {table} TO PUBLIC", "right to SELECT {place} of PUBLIC"),
    "rights to write": ("GRANT DELETE ON {table} TO acci_read", "right to DELETE {place} of acci_read"),
    "rights to write a column": (
        "GRANT UPDATE (balance) ON {table} TO acci_read",
        "right to UPDATE (balance) {place} of acci_read",
    ),
    "rights to write through the view": (
        "GRANT DELETE ON read.accounts TO acci_read",
        "right to DELETE read.accounts of acci_read",
    ),
}  # fmt: skip
ALLOWED: tuple[LiteralString, ...] = (
    "GRANT SELECT ON read.turnover TO acci_read",
    "GRANT SELECT ON read.turnover TO PUBLIC",
    "CREATE VIEW public.rich AS SELECT * FROM read.accounts WHERE balance > 100",
    "CREATE TABLE public.mine (id text)",
    "ALTER TABLE acci.events SET (autovacuum_vacuum_scale_factor = 0.01)",
    "ALTER TABLE acci.events ALTER tenant_id SET STATISTICS 500",
    "COMMENT ON TABLE acci.seals IS 'ours'",
    "CREATE STATISTICS acci_stat ON tenant_id, event_type FROM acci.events",
    "ALTER VIEW read.accounts SET (security_barrier)",
)
# No single statement puts these back.
BY_HAND = {
    TABLES["a table gone"][0],
    TABLES["another type"][0],
    GUARDS["an aggregate"][0],
}
CASES = [
    pytest.param(change, place, id=name)
    for changes in (AUTHORIZATION, GUARDS, TABLES)
    for name, (change, place) in changes.items()
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(["tests.domains.bank"])


@pytest.fixture(scope="module")
def built(server: SharedServer, bank_template: str) -> Iterator[Connection]:
    with server.database(template=bank_template) as url, connect(url, "test") as opened:
        yield opened


@pytest.fixture
def bank(built: Connection) -> Iterator[Connection]:
    """What is changed about it is undone."""
    with built.transaction(force_rollback=True):
        yield built


def found(connection: Connection) -> dict[str, str]:
    return {each.what: str(each) for each in differences(connection)}


def mend(connection: Connection) -> None:
    """As somebody would who does what is said, and asks again."""
    for _ in range(2):
        for each in differences(connection):
            connection.execute(each.remedy.encode(), prepare=False)


def test_the_committed_schema_equals_the_migrations(connection: Connection) -> None:
    """Else `make schema`."""
    if connection.info.server_version >= 160_000:
        assert as_json(described(connection)) == FILE.read_text(encoding="utf-8")
    assert as_sql(made_by_migrations(), connection) == READABLE.read_text(encoding="utf-8")
    assert found(connection) == {}


@pytest.mark.parametrize(("change", "place"), CASES)
def test_weakened_objects_are_found_and_the_remedy_repairs_them(
    bank: Connection, change: LiteralString, place: str
) -> None:
    bank.execute(change, prepare=False)
    assert any(each.startswith(place) for each in found(bank)), found(bank)
    if change not in BY_HAND:
        mend(bank)
        assert found(bank) == {}


@pytest.mark.parametrize(("change", "place"), READ_MODELS.values(), ids=READ_MODELS)
def test_weakened_read_model_tables_are_found(bank: Connection, change: LiteralString, place: str) -> None:
    live = generations.live(bank, "accounts")
    assert live is not None
    bank.execute(SQL(change).format(table=Identifier(live.schema, "accounts"), schema=Identifier(live.schema)))
    assert place.format(place=f"{live.schema}.accounts", schema=live.schema) in found(bank)
    mend(bank)
    assert found(bank) == {}


def test_objects_that_users_may_create_are_no_finding(bank: Connection) -> None:
    for statement in ALLOWED:
        bank.execute(statement)
    assert found(bank) == {}


def test_an_unknown_table_is_named_without_its_parts(bank: Connection) -> None:
    bank.execute("CREATE TABLE acci.e (id integer PRIMARY KEY)")
    bank.execute("DROP INDEX acci.events_by_type")
    assert {*found(bank)} == {"table acci.e", "index events_by_type of acci.events"}


def test_a_schema_change_is_a_finding_until_it_is_repaired(bank_url: str, catalogue: Catalogue) -> None:
    with connect(bank_url, "test") as connection:
        connection.execute("GRANT SELECT ON acci.seals TO PUBLIC")
        with connect(bank_url, "audit", "administer") as administrator:
            (done,) = audited(administrator, catalogue, "schema")
            assert [each.place["object"] for each in done.found] == ["right to SELECT table acci.seals of PUBLIC"]
            assert done.found[0].problem.endswith("run: REVOKE SELECT ON TABLE acci.seals FROM PUBLIC.")
            connection.execute("REVOKE SELECT ON TABLE acci.seals FROM PUBLIC")
            (done,) = audited(administrator, catalogue, "schema")
    assert (done.found, done.resolved) == ((), 1)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (GUARDS["a function that refuses nothing"][0], "append-only"),
        (GUARDS["a mark that waits for nobody"][0], "schema"),
        (AUTHORIZATION["rights of everybody"][0], "schema"),
    ],
)
def test_health_reports_a_schema_change_with_what_to_do(
    bank_url: str, catalogue: Catalogue, change: LiteralString, check: str
) -> None:
    with connect(bank_url, "test") as connection:
        connection.execute(change, prepare=False)
        looked = examine(Settings.from_environment({"ACCI_DATABASE_URL": bank_url}), catalogue, Bounds())
        assert [each.name for each in looked.checks if not each.healthy] == [check]
        mend(connection)
    looked = examine(Settings.from_environment({"ACCI_DATABASE_URL": bank_url}), catalogue, Bounds())
    assert looked.healthy
