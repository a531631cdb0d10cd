"""A backup restored by PostgreSQL's own programs, as OPERATING.md has it: all goes on, each role with its rights."""

import subprocess
from pathlib import Path

import pytest
from psycopg import errors

from store.auditing.auditing import ROWS, all_checks, audit
from store.catalogue import load
from store.database import connect
from store.embedded import _programs
from store.migrations import migrate
from store.projecting import rebuilding
from store.projecting.batches import catch_up
from tests.bank.ledger import some_account
from tests.servers import SharedServer

BANK = load(["tests.bank"])


def test_a_restored_database_is_given_to_the_roles_by_migrating(
    bank_url: str, server: SharedServer, tmp_path: Path
) -> None:
    accounts, dump = BANK.projection("accounts"), tmp_path / "acci.dump"
    subprocess.run([_programs() / "pg_dump", "--format=custom", f"--file={dump}", bank_url], check=True)
    with server.database(template="template1") as restored_url:
        how = ("--no-owner", "--exit-on-error", f"--dbname={restored_url}")
        subprocess.run([_programs() / "pg_restore", *how, dump], check=True)
        with connect(restored_url, "test", "project") as connection, pytest.raises(errors.InsufficientPrivilege):
            audit(connection, BANK, all_checks(BANK)[ROWS], "accounts")
        assert migrate(restored_url) == migrate(restored_url) == []
        with connect(restored_url, "test", "project") as connection:
            done = audit(connection, BANK, all_checks(BANK)[ROWS], "accounts")
            assert (done.found, done.left_out) == ((), None)
            catch_up(connection, BANK, accounts)
            rebuilding.rebuild(connection, BANK, accounts)
        with connect(restored_url, "test", "read") as connection:
            tenant, account = some_account_of(restored_url)
            connection.execute("SELECT set_config('acci.tenant', %s, false)", (tenant,))
            found = connection.execute("SELECT count(*) FROM read.accounts WHERE id = %s", (account,)).fetchone()
            assert found == (1,)


def some_account_of(url: str) -> tuple[str, str]:
    with connect(url, "test") as connection:
        return some_account(connection)
