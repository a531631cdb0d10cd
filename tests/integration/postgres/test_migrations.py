"""Migrations: a baseline makes everything; a database that older ones made is refused, with a way out that works."""

import subprocess
from pathlib import Path

import pytest

from acci.store.auditing.schema import differences
from acci.store.embedded.programs import programs
from acci.store.log import seals
from acci.store.postgres.database import connect
from acci.store.postgres.migrations import MadeBeforeBaseline, known, migrate, require_migrated
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.domains.bank.ledger import audited
from tests.support.histories import value
from tests.support.servers import SharedServer

BANK = load(["tests.domains.bank"])
CANNOT_BE_DERIVED = ("events", "commands", "discarded_events", "imports", "seals")


def test_one_migration_makes_everything(empty_database_url: str) -> None:
    first, *later = known()
    assert first.name == "0001_baseline"
    assert migrate(empty_database_url, [first]) == ["0001_baseline"]
    assert migrate(empty_database_url) == [each.name for each in later]
    with connect(empty_database_url, "test") as connection:
        assert list(differences(connection)) == []
        require_migrated(connection)


def test_functions_are_made_once() -> None:
    """The baseline is the final state: a function that one reads there is the one in the database."""
    text = known()[0].text
    lines = text.splitlines()
    made = [line.partition("(")[0] for line in lines if line.startswith(("CREATE FUNCTION", "CREATE TABLE"))]
    assert len(made) == len(set(made)) > 50
    assert "OR REPLACE" not in text
    assert not any(line.startswith(("DROP ", "ALTER TABLE acci.events ADD")) for line in lines)


def test_a_database_of_the_older_migrations_is_refused(bank_url: str, server: SharedServer, tmp_path: Path) -> None:
    """Following the error's advice works: the new database has the same log, and its read models."""
    with connect(bank_url, "test") as connection:
        sealed = seals.seal(connection, 100_000).chain
        events = value(connection, "SELECT count(*) FROM acci.events")
        connection.execute("UPDATE acci_migrations.applied SET name = '0001_event_log' WHERE name = '0001_baseline'")
        connection.execute("INSERT INTO acci_migrations.applied (name, checksum) VALUES ('0067_rights_to_lock', 'x')")
        with pytest.raises(MadeBeforeBaseline):
            require_migrated(connection)
    with pytest.raises(MadeBeforeBaseline) as refused:
        migrate(bank_url)
    assert all(f"acci.{table}" in str(refused.value) for table in CANNOT_BE_DERIVED)

    dump = tmp_path / "data.dump"
    tables = [f"--table=acci.{table}" for table in CANNOT_BE_DERIVED]
    subprocess.run([programs() / "pg_dump", "-Fc", "--data-only", *tables, f"--file={dump}", bank_url], check=True)
    with server.database(template="template1") as new_url:
        migrate(new_url)
        # The exit code is ignored: the dump sets a timeout that servers before PostgreSQL 17 do not have.
        subprocess.run([programs() / "pg_restore", "--data-only", f"--dbname={new_url}", dump], check=False)
        assert migrate(new_url) == []
        with connect(new_url, "test") as connection:
            assert value(connection, "SELECT count(*) FROM acci.events") == events > 0
            assert seals.seal(connection, 100_000).chain == sealed
            for name in BANK.projections:
                build.rebuild(connection, BANK, BANK.projection(name))
            assert [each for each in audited(connection, BANK) if each.found] == []
