"""Wrong settings and a database that is not as expected: one sentence, exit code 1, never a traceback."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from acci.store.embedded.ports import free_port
from acci.store.postgres.database import connect
from tests.support.shell import CHECKOUT, acci, command, refusal

SECRET = "s3cr3t"


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


def execute(database_url: str, statement: LiteralString) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(statement)


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contexts", "says"),
    [
        (
            "no.such.module",
            (
                "ACCI_CONTEXTS names no.such.module: there is no such module. "
                "Correct it, or put no into your project's folder or one on PYTHONPATH."
            ),
        ),
        (
            "acci.domain.users,no_such_one",
            (
                "ACCI_CONTEXTS names no_such_one: there is no such module. "
                "Correct it, or put no_such_one into your project's folder or one on PYTHONPATH."
            ),
        ),
        ("os", "ACCI_CONTEXTS names os: it has no CONTEXT of type Context."),
        (".users", "ACCI_CONTEXTS names .users: that is no module's name, as acci.domain.users is."),
        (
            "../domain/users",
            "ACCI_CONTEXTS names ../domain/users: that is no module's name, as acci.domain.users is.",
        ),
        (
            "acci.domain.users;os",
            "ACCI_CONTEXTS names acci.domain.users;os: that is no module's name, as acci.domain.users is.",
        ),
    ],
)
def test_wrong_contexts_are_refused(contexts: str, says: str) -> None:
    assert refusal(acci("status", ACCI_CONTEXTS=contexts)) == says


@pytest.mark.parametrize("arguments", ["status", "migrate", "run catch-up", "run rebuild user_view", "check-schemas"])
def test_no_database(arguments: str, home: str) -> None:
    said = refusal(acci(*arguments.split(), ACCI_HOME=home))
    assert said.startswith(f"There is no database: the embedded PostgreSQL in {home} is not running, and ")
    assert "ACCI_DATABASE_URL is not set" in said


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@127.0.0.1/acci",
        f"{SECRET}",
        f"postgresql://user:pass@{SECRET}@127.0.0.1:5432/acci",  # an @ in the password that was not encoded
        f"postgresql://user:{SECRET}/word@127.0.0.1:5432/acci",
        f"postgresql://127.0.0.1/acci?nonsense={SECRET}",
    ],
)
def test_a_malformed_url_is_refused_without_showing_secrets(url: str) -> None:
    said = refusal(acci("status", ACCI_DATABASE_URL=url))
    assert "is not of the form postgresql://user:password@host:port/database" in said
    assert SECRET not in said


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:1/api"])
def test_no_prefect_server_answers(url: str, database_url: str) -> None:
    done = acci("run", "catch-up", ACCI_DATABASE_URL=database_url, PREFECT_API_URL=url)
    assert f"The Prefect server at {url} cannot be used: it does not answer" in refusal(done)


@pytest.mark.parametrize("arguments", ["status", "migrate", "run catch-up user_view", "run rebuild user_view --json"])
def test_a_database_that_does_not_answer(arguments: str) -> None:
    port = free_port()
    url = f"postgresql://user:{SECRET}@127.0.0.1:{port}/acci"
    done = acci(*arguments.split(), ACCI_DATABASE_URL=url)
    said = json.loads(done.stderr)["error"] if "--json" in arguments else refusal(done)
    assert done.returncode == 1
    assert said.startswith(f"The database at 127.0.0.1:{port}/acci cannot be reached: ")
    assert "Connection refused" in said
    assert SECRET not in said


def test_the_server_refuses_the_connection(database_url: str) -> None:
    nowhere = refusal(acci("status", ACCI_DATABASE_URL=f"{database_url}_not"))
    assert "_not refuses the login: " in nowhere
    assert "does not exist" in nowhere
    password = psycopg.conninfo.conninfo_to_dict(database_url)["password"]
    stranger = refusal(acci("status", ACCI_DATABASE_URL=database_url.replace(str(password), SECRET)))
    assert "password authentication failed" in stranger
    assert SECRET not in stranger


# -- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["run catch-up", "run rebuild", "run rebuild user_view,"])
def test_an_unknown_projection(arguments: str, database_url: str) -> None:
    *words, last = arguments.split()
    name = [*words, f"{last}users"] if last.endswith(",") else [*words, last, "users"]
    said = refusal(acci(*name, ACCI_DATABASE_URL=database_url))
    assert said == "There is no projection named 'users'. Known: user_view."


def test_wrong_usage_names_what_is_wrong(database_url: str) -> None:
    for arguments, named in (("run rebuild", "projection"), ("run catch-up user_view --batch-size -7", "--batch-size")):
        done = acci(*arguments.split(), ACCI_DATABASE_URL=database_url)
        assert done.returncode == 2
        assert named in done.stderr
        assert "Traceback" not in done.stderr


# -- the database ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["status", "run catch-up", "run rebuild user_view", "check-schemas"])
def test_a_database_that_was_never_migrated(arguments: str, empty_database_url: str) -> None:
    said = refusal(acci(*arguments.split(), ACCI_DATABASE_URL=empty_database_url))
    assert said.startswith("The database has no ACCI schema, or that of an older ACCI (")
    assert said.endswith("Run `acci migrate`.")


def test_a_user_without_rights(database_url: str, empty_database_url: str) -> None:
    with connect(empty_database_url, "test") as connection:
        name = f"stranger_{connection.info.dbname}"
        connection.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p'").format(psycopg.sql.Identifier(name)))
        user, password = connection.info.user, connection.info.password
        try:
            as_stranger = database_url.replace(f"{user}:{password}", f"{name}:p")
            said = refusal(acci("status", ACCI_DATABASE_URL=as_stranger))
            assert said.startswith("The database's user may not do this: permission denied for database ")
            grants(database_url, "GRANT CONNECT ON DATABASE {} TO {}", name)
            said = refusal(acci("status", ACCI_DATABASE_URL=as_stranger))
            assert said.startswith(
                'The database\'s user may not do this: permission denied to set role "acci_administer".'
            )
        finally:
            grants(database_url, "REVOKE CONNECT ON DATABASE {} FROM {}", name)
            connection.execute(psycopg.sql.SQL("DROP ROLE {}").format(psycopg.sql.Identifier(name)))


def grants(url: str, statement: LiteralString, login: str) -> None:
    with connect(url, "test") as connection:
        names = (psycopg.sql.Identifier(name) for name in (connection.info.dbname, login))
        connection.execute(psycopg.sql.SQL(statement).format(*names))


def test_a_migration_edited_after_the_fact(database_url: str, tmp_path: Path) -> None:
    checkout = tmp_path / "acci"
    for part in ("domain", "store", "flows", "sql"):
        shutil.copytree(CHECKOUT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "__init__.py", checkout)
    edited = checkout / "sql" / "migrations" / "0001_baseline.sql"
    edited.write_text(edited.read_text() + "\nCREATE TABLE acci.smuggled (secret text);\n")

    def run_there(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"ACCI_DATABASE_URL": database_url}
        return subprocess.run(
            command(arguments), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    for arguments in (["migrate"], ["run", "catch-up"]):
        said = refusal(run_there(*arguments))
        assert said.startswith("The migration 0001_baseline was edited after it had been applied.")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('acci.smuggled') IS NULL").fetchone() == (True,)

    edited.write_bytes((CHECKOUT / "sql" / "migrations" / edited.name).read_bytes().replace(b"\n", b"\r\n"))
    assert run_there("migrate").returncode == 0, "line ends may differ"


def test_a_database_that_is_not_unicode(database_url: str) -> None:
    name = f"{database_url.rpartition('/')[2]}_ascii"
    make = "CREATE DATABASE {} ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with psycopg.connect(database_url, autocommit=True) as connection:
        database = psycopg.sql.Identifier(name)
        connection.execute(psycopg.sql.SQL(make).format(database))
        try:
            said = refusal(acci("migrate", ACCI_DATABASE_URL=f"{database_url}_ascii"))
        finally:
            connection.execute(psycopg.sql.SQL("DROP DATABASE {}").format(database))
    assert said.startswith("The database's encoding is SQL_ASCII; ACCI needs UTF8.")


def test_a_database_of_a_newer_checkout(database_url: str) -> None:
    execute(database_url, "INSERT INTO acci_migrations.applied (name, checksum) VALUES ('9999_later', 'x')")
    assert "has the migration 9999_later" in refusal(acci("migrate", ACCI_DATABASE_URL=database_url))


def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE SCHEMA read")
    said = refusal(acci("migrate", ACCI_DATABASE_URL=empty_database_url))
    assert said.startswith('The migration 0001_baseline failed: schema "read" already exists. Nothing was changed')
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regnamespace('acci') IS NULL").fetchone() == (True,)


def test_migrating_twice(empty_database_url: str) -> None:
    assert "applied 0001_baseline" in acci("migrate", ACCI_DATABASE_URL=empty_database_url).stdout
    assert acci("migrate", ACCI_DATABASE_URL=empty_database_url).stdout == "The schema is up to date.\n"
