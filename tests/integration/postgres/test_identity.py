"""A database knows which one it is."""

import re
from uuid import UUID

import psycopg
import pytest

from acci.store.postgres.database import Connection, connect
from acci.store.postgres.database_id import NoIdentity, database_id
from acci.store.postgres.errors import SchemaMissing
from acci.store.postgres.migrations import migrate


def test_it_has_one_id_that_is_kept(empty_database_url: str) -> None:
    with connect(empty_database_url, "test", "project") as connection, pytest.raises(SchemaMissing):
        database_id(connection)
    migrate(empty_database_url)
    with connect(empty_database_url, "test", "project") as connection:
        first = database_id(connection)
    migrate(empty_database_url)
    with connect(empty_database_url, "test", "administer") as connection:
        assert database_id(connection) == first
    with psycopg.connect(empty_database_url) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO acci.identity DEFAULT VALUES")


def test_a_database_without_its_id_says_what_to_do(connection: Connection) -> None:
    connection.execute("DELETE FROM acci.identity")
    with pytest.raises(NoIdentity) as refused:
        database_id(connection)
    (way_out,) = re.findall(r"Run: (INSERT .*?);", str(refused.value))
    connection.execute(way_out.encode())
    assert isinstance(database_id(connection), UUID)


def test_no_two_have_the_same(empty_database_url: str, connection: psycopg.Connection) -> None:
    migrate(empty_database_url)
    with connect(empty_database_url, "test") as other:
        found = connection.execute("SELECT id FROM acci.identity").fetchone()
        assert found != (database_id(other),)
