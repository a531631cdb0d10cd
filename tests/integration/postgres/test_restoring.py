"""A backup restored by PostgreSQL's programs, as the guide has it: all goes on, each role with its rights."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import pytest
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from acci.store.auditing.audit import ROWS, all_checks, audit
from acci.store.embedded.programs import programs
from acci.store.postgres.database import connect
from acci.store.postgres.migrations import Migration, known, migrate
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.domains.bank.ledger import some_account
from tests.support.servers import SharedServer

BANK = load(["tests.domains.bank"])


def test_migrating_gives_a_restored_database_to_the_roles(bank_url: str, server: SharedServer, tmp_path: Path) -> None:
    accounts, dump = BANK.projection("accounts"), tmp_path / "acci.dump"
    subprocess.run([programs() / "pg_dump", "--format=custom", f"--file={dump}", bank_url], check=True)
    with server.database(template="template1") as restored_url:
        how = ("--no-owner", "--exit-on-error", f"--dbname={restored_url}")
        subprocess.run([programs() / "pg_restore", *how, dump], check=True)
        with connect(restored_url, "test", "project") as connection, pytest.raises(errors.InsufficientPrivilege):
            audit(connection, BANK, all_checks(BANK)[ROWS], "accounts")
        assert migrate(restored_url) == migrate(restored_url) == []
        with connect(restored_url, "test", "project") as connection:
            done = audit(connection, BANK, all_checks(BANK)[ROWS], "accounts")
            assert (done.found, done.left_out) == ((), None)
            catch_up(connection, BANK, accounts)
            build.rebuild(connection, BANK, accounts)
        with connect(restored_url, "test", "read") as connection:
            tenant, account = some_account_of(restored_url)
            connection.execute("SELECT set_config('acci.tenant', %s, false)", (tenant,))
            found = connection.execute("SELECT count(*) FROM read.accounts WHERE id = %s", (account,)).fetchone()
            assert found == (1,)


@pytest.fixture
def restorer(server: SharedServer) -> Iterator[str]:
    """A user who is no superuser and has no tables, but may take and give the roles."""
    name = f"restorer_{uuid4().hex}"
    with server.database(template="template1") as url, connect(url, "test") as connection:
        connection.execute(statement("CREATE USER {} CREATEROLE CREATEDB PASSWORD 'x'", name))
        for role in ("acci_append", "acci_project", "acci_read", "acci_administer"):
            connection.execute(statement("GRANT {} TO {} WITH ADMIN OPTION", role, name))
        try:
            yield name
        finally:
            connection.execute(statement("DROP USER {}", name))


def test_the_user_that_restored_may_upgrade(bank_url: str, server: SharedServer, restorer: str, tmp_path: Path) -> None:
    """The tables of later versions get the rights that they are meant to have."""
    dump = tmp_path / "acci.dump"
    subprocess.run([programs() / "pg_dump", "--format=custom", f"--file={dump}", bank_url], check=True)
    with server.database(template="template1") as url:
        with connect(url, "test") as connection:
            connection.execute(
                statement("ALTER DATABASE {} OWNER TO {}", str(conninfo_to_dict(url)["dbname"]), restorer)
            )
        theirs = make_conninfo(url, user=restorer, password="x")
        how = ("--no-owner", f"--dbname={theirs}")
        done = subprocess.run([programs() / "pg_restore", *how, dump], check=False, capture_output=True, text=True)
        assert "errors ignored on restore: 1" in done.stderr, done.stderr
        later = Migration("9999_later", "CREATE TABLE acci.later (number integer)")
        assert migrate(theirs, [*known(), later]) == ["9999_later"]
        with connect(theirs, "test", "project") as connection:
            connection.execute("INSERT INTO acci.later VALUES (1)")
            catch_up(connection, BANK, BANK.projection("accounts"))
            build.rebuild(connection, BANK, BANK.projection("accounts"))


def statement(text: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))


def some_account_of(url: str) -> tuple[str, str]:
    with connect(url, "test") as connection:
        return some_account(connection)
