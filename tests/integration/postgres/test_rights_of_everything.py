"""Everything in the database, by its catalog: no table without a policy, no unsafe SECURITY DEFINER function.

And no side channel shows another tenant's data to users without arbitrary SQL. Those with arbitrary SQL can name
another tenant, or use a function of their own to look past the view's condition (docs/decisions/0023).
"""

import re
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest

from acci.store.postgres.database import Connection, connect
from acci.store.postgres.tenants import enter
from tests.support.histories import value
from tests.support.read_models import database_with_users
from tests.support.servers import SharedServer

# Readable by who appends or reads, and of no tenant's: positions, generations.
OF_NOBODY = {"acci.generations", "acci.high_water", "acci.rules", "acci_migrations.applied"}
# Listed by name, each with its purpose; a new one must be reviewed and added here.
BORROWED = {
    "acci.discard": ["acci_administer"],
    "acci.make_schema": ["acci_project"],
    "acci.log_end": ["acci_administer", "acci_append", "acci_project", "acci_read"],
    "acci.sessions": ["acci_administer", "acci_append", "acci_project", "acci_read"],
    "acci.analyze_findings": ["acci_administer"],
    "acci.server_identity": ["acci_administer", "acci_append", "acci_project", "acci_read"],
}


@pytest.fixture(scope="module")
def url(server: SharedServer) -> Iterator[str]:
    with database_with_users(server, 20) as url:
        with connect(url, "test") as connection:
            connection.execute("ANALYZE")
        yield url


@pytest.fixture
def reader(url: str) -> Iterator[Connection]:
    with connect(url, "test", "read") as connection:
        enter(connection, "tenant-1")
        yield connection


@pytest.fixture
def everything(url: str) -> Iterator[Connection]:
    with connect(url, "test") as connection:
        yield connection


def test_what_can_be_read_has_a_policy(everything: Connection) -> None:
    rows = everything.execute(
        "SELECT concat(n.nspname, '.', c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^(pg_|information_schema)' AND NOT c.relrowsecurity"
        " AND EXISTS (SELECT FROM unnest('{acci_append,acci_read}'::text[]) AS r (name)"
        "             WHERE has_any_column_privilege(r.name, c.oid, 'SELECT'))"
    )
    assert {row[0] for row in rows} <= OF_NOBODY


def test_security_definer_functions_are_few_and_safe(everything: Connection) -> None:
    rows = everything.execute(
        "SELECT concat(n.nspname, '.', p.proname), p.proconfig,"
        " array(SELECT a.grantee::regrole::text FROM aclexplode(p.proacl) AS a"
        " WHERE a.grantee <> p.proowner ORDER BY 1) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
        " WHERE p.prosecdef AND n.nspname !~ '^(pg_|information_schema)'"
    ).fetchall()
    assert {name: grantees for name, _, grantees in rows} == BORROWED
    assert all(config == ["search_path=pg_catalog, pg_temp"] for _, config, _ in rows)


ROUNDABOUT: dict[str, LiteralString] = {
    "statistics of the log": "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'events'",
    "statistics of a read model": "SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'user_view'",
    "a join with nothing": "SELECT email FROM read.user_view AS a RIGHT JOIN (VALUES (1)) AS b ON true",
    "the log by a function of one's own": "SELECT data::text FROM acci.events WHERE pg_temp.tell(data::text)",
    "what others are at": "SELECT concat(s) FROM acci.sessions() AS s",
    "an error": "SELECT CASE WHEN tenant_id <> 'tenant-1' THEN email::int::text END FROM read.user_view",
}


@pytest.mark.parametrize("way", ROUNDABOUT)
def test_no_side_channel_shows_another_tenants_data(reader: Connection, way: str) -> None:
    """Nor do messages: notices that a function raises, the text of errors."""
    told: list[str] = []
    reader.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    reader.execute(
        "CREATE FUNCTION pg_temp.tell(said text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS"
        " $$ BEGIN RAISE NOTICE '%', said; RETURN true; END $$"
    )
    try:
        told += [str(row) for row in reader.execute(ROUNDABOUT[way]).fetchall()]
    except psycopg.Error as error:
        told.append(str(error))
    said = set(re.findall(r"[\w.-]+@[\w.-]+", " ".join(told)))
    assert not said & theirs(reader)


def theirs(reader: Connection) -> set[str]:
    """Addresses that only another tenant's users have."""
    with connect(reader.info.dsn + f" password={reader.info.password}", "test", "administer") as administrator:
        rows = administrator.execute("SELECT email FROM read.user_view WHERE tenant_id <> 'tenant-1'").fetchall()
    assert rows
    return {row[0] for row in rows}


def test_discard_reasons_are_visible_only_to_the_tenant(url: str, reader: Connection) -> None:
    with connect(url, "test") as owner, owner.transaction():
        for tenant in ("tenant-0", "tenant-1"):
            owner.execute(
                "INSERT INTO acci.discarded_events (projection, position, reason)"
                " SELECT 'user_view', min(position), 'for ' || tenant_id"
                " FROM acci.events WHERE tenant_id = %s GROUP BY tenant_id",
                (tenant,),
            )
    try:
        assert reader.execute("SELECT reason FROM acci.discarded_events").fetchall() == [("for tenant-1",)]
    finally:
        with connect(url, "test", "administer") as administrator:
            administrator.execute("DELETE FROM acci.discarded_events")


def test_an_invalid_tenant_is_refused(reader: Connection) -> None:
    for tenant in ("", "tenant-%", "tenant-0' OR true --", "TENANT-0", "tenant-0 "):
        enter(reader, tenant)
        assert value(reader, "SELECT count(*) FROM read.user_view") == 0
        assert value(reader, "SELECT count(*) FROM acci.events") == 0
    for statement in ("RESET acci.tenant", "SET acci.tenant TO DEFAULT", "RESET ALL"):
        enter(reader, "tenant-1")
        reader.execute(statement)
        assert value(reader, "SELECT count(*) FROM acci.events") == 0
