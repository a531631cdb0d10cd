"""The SQL file of a read model: an unusable one is refused, and a rebuild has the table that it makes."""

from pathlib import Path

import pytest

from acci.domain.errors import ProjectionError
from acci.domain.projections import Projection
from acci.store.generations import generations, lifecycle
from acci.store.postgres.database import Connection
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.support.histories import append_users, value
from tests.support.read_models import live, live_with_users, with_table, wrong_rows

COLUMNS = "id text NOT NULL, email text, name text, status text, created_at timestamptz, updated_at timestamptz"
WHOLE = f"CREATE TABLE user_view (tenant_id text, {COLUMNS}, PRIMARY KEY (tenant_id, id));"
GENERATED = COLUMNS.replace("name text", "name text GENERATED ALWAYS AS (id) STORED, PRIMARY KEY (tenant_id, id)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CREATE TABEL user_view ()", 'PostgreSQL refuses its SQL file: syntax error at or near "TABEL"'),
        (f"CREATE TABLE user_view (tenant_id text, {COLUMNS}); SELECT 1 / 0", "division by zero"),
        (f"CREATE TABLE users (tenant_id text, {COLUMNS})", "its SQL file makes no table 'user_view'"),
        ("", "its SQL file makes no table 'user_view'"),
        (f"CREATE TABLE user_view (tenant_id text NOT NULL, {COLUMNS})", "needs PRIMARY KEY (tenant_id, id)"),
        ("CREATE TABLE user_view (tenant_id text, id text, PRIMARY KEY (tenant_id, id))", "no column 'email'"),
        (f"CREATE TABLE user_view (tenant_id text, {GENERATED})", "PostgreSQL generates column 'name'"),
        (
            WHOLE + "ALTER TABLE user_view ADD CONSTRAINT boss FOREIGN KEY (tenant_id, name) REFERENCES user_view",
            "foreign key 'boss' of user_view points at it",
        ),
        (
            WHOLE + "CREATE TABLE notes (tenant_id text, id text, FOREIGN KEY (tenant_id, id) REFERENCES user_view)",
            "Take that foreign key out of the SQL file",
        ),
    ],
)
def test_an_unusable_table_is_refused_and_the_live_one_stays(
    connection: Connection,
    catalogue: Catalogue,
    users: type[Projection],
    tmp_path: Path,
    text: str,
    says: str,
) -> None:
    live_with_users(connection, catalogue, users, 20)
    with pytest.raises(ProjectionError) as refusal:
        build.rebuild(connection, with_table(tmp_path, text), users)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)

    assert live(connection, users).generation == 1
    assert generations.building(connection, "user_view") is None
    schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'generation%'").fetchall()
    assert schemas == [("generation_1",)]
    append_users(connection, 20, first=21)
    catch_up(connection, catalogue, users)
    assert wrong_rows(connection, users) == 0


def test_a_foreign_key_to_another_table_of_the_file_holds(
    connection: Connection, users: type[Projection], tmp_path: Path
) -> None:
    states = "CREATE TABLE states (status text PRIMARY KEY); INSERT INTO states VALUES ('active');"
    table = WHOLE.replace("status text", "status text REFERENCES states")
    catalogue = with_table(tmp_path, states + table)
    live_with_users(connection, catalogue, users, 20)
    inactive = value(connection, "SELECT count(*) FROM acci.dead_letters")
    assert inactive > 0, "a user who is no longer active is none of the states"
    append_users(connection, 20, first=21)
    catch_up(connection, catalogue, users)
    assert value(connection, "SELECT count(*) FROM acci.dead_letters") > inactive
    assert value(connection, "SELECT bool_and(status = 'active') FROM read.user_view")


def test_a_missing_table_file_is_named(connection: Connection, users: type[Projection], tmp_path: Path) -> None:
    catalogue = with_table(tmp_path, "")
    (tmp_path / "read_models" / "user_view.sql").unlink()
    with pytest.raises(ProjectionError, match=r"write read_models/user_view\.sql"):
        build.rebuild(connection, catalogue, users)


def test_a_vacuumed_table_is_read_by_its_index_alone(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    live_with_users(connection, catalogue, users, 200)
    seen = "SELECT relallvisible = relpages AND relpages > 0 FROM pg_class WHERE oid = %s::regclass"
    table = f"{live(connection, users).schema}.user_view"
    lifecycle.vacuum(connection, live(connection, users))
    assert value(connection, seen, (table,))
