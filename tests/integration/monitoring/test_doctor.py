"""`acci doctor`: what is not right is one line that says what to do, and doing that makes it well."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from psycopg.sql import SQL, Identifier, Literal

from acci.store.embedded.server import EmbeddedServer
from acci.store.encryption.key_store import KeyStore
from acci.store.log.high_water import establish
from acci.store.monitoring.doctor.diagnosis import Diagnosis, Verdict
from acci.store.monitoring.doctor.examination import examine_database
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.migrations import migrate
from acci.store.registry import Catalogue, load
from acci.store.settings import Settings
from tests.support.shell import acci

BANK, PEOPLE = load(["tests.domains.bank"]), load(["tests.domains.people"])
# A test's server may lose its data if the machine fails, and its login is a superuser.
OF_TESTS = {"fsync": Verdict.WRONG, "full_page_writes": Verdict.WARNING, "login": Verdict.WARNING}
ROLES = ("append", "project", "read", "administer")


pytestmark = pytest.mark.xdist_group("doctors_shop")  # a role is of the whole server


def look(url: str, catalogue: Catalogue = BANK, **environment: str) -> dict[str, Diagnosis]:
    """The lines by name."""
    settings = Settings.from_environment({"ACCI_DATABASE_URL": url, **environment})
    found = list(examine_database(settings, catalogue))
    assert len({line.name for line in found}) == len(found)
    return {line.name: line for line in found}


def not_well(found: dict[str, Diagnosis]) -> dict[str, Verdict]:
    """Beyond what holds on a test's server."""
    return {
        name: line.verdict
        for name, line in found.items()
        if line.verdict is not Verdict.WELL and OF_TESTS.get(name) is not line.verdict
    }


@contextmanager
def login(connection: Connection, url: str, *roles: str, **settings: str) -> Iterator[str]:
    """Inside, a login with these roles and settings of its own: the database's URL with it."""
    connection.execute("DROP ROLE IF EXISTS doctors_shop")
    connection.execute("CREATE ROLE doctors_shop LOGIN PASSWORD 'p'")
    try:
        for role in roles:
            connection.execute(SQL("GRANT {} TO doctors_shop").format(Identifier(f"acci_{role}")))
        for name, wanted in settings.items():
            change = SQL("ALTER ROLE doctors_shop SET {} = {}")
            connection.execute(change.format(Identifier(name), Literal(wanted)))
        connection.execute(
            SQL("GRANT CONNECT ON DATABASE {} TO doctors_shop").format(Identifier(connection.info.dbname))
        )
        yield f"postgresql://doctors_shop:p@{urlsplit(url).netloc.rpartition('@')[2]}{urlsplit(url).path}"
    finally:
        connection.execute("DROP OWNED BY doctors_shop")
        connection.execute("DROP ROLE doctors_shop")


def test_a_bank_is_well(bank_url: str) -> None:
    found = look(bank_url)
    assert not_well(found) == {}
    assert {"server", "clock", "connections", "standbys", "extensions", "migrations", "rights", "pooler", "mark"} < set(
        found
    )
    assert all((line.remedy is None) == (line.verdict is Verdict.WELL) for line in found.values())


def test_a_login_without_a_superusers_rights_sees_every_line(connection: Connection, database_url: str) -> None:
    establish(connection)
    with login(connection, database_url, *ROLES) as url:
        found = look(url)
    assert set(not_well(found)) == set()
    assert found["login"].verdict is Verdict.WELL
    assert found["rights"].said == "doctors_shop may append, project, read and administer."


def test_a_login_that_lacks_roles_is_told_the_grant(connection: Connection, database_url: str) -> None:
    with login(connection, database_url) as url:
        none = look(url)["rights"]
        assert (none.verdict, none.remedy) == (
            Verdict.WRONG,
            "GRANT acci_append, acci_project, acci_read, acci_administer TO doctors_shop;",
        )
    with login(connection, database_url, "append", "read") as url:
        some = look(url)["rights"]
        assert some.verdict is Verdict.WARNING
        assert some.said.startswith("doctors_shop may append and read.")
        (grant,) = re.findall(r"GRANT .*;", some.remedy or "")
        connection.execute(grant.encode())
        assert look(url)["rights"].verdict is Verdict.WELL


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("synchronous_commit", "off"),
        ("idle_in_transaction_session_timeout", "0"),
        ("statement_timeout", "1h"),
        ("idle_session_timeout", "1h"),
    ],
)
def test_a_setting_that_matters_is_found_where_the_login_brings_it(
    connection: Connection, database_url: str, name: str, bad: str
) -> None:
    with login(connection, database_url, *ROLES, **{name: bad}) as url:
        line = look(url)[name]
        assert line.verdict is Verdict.WARNING
        assert line.said.startswith(f"{name} is ")
        assert name in (line.remedy or "")
        for change in re.findall(r"ALTER ROLE .*?;", line.remedy or ""):
            connection.execute(change.encode())
            assert name not in look(url)


def test_a_log_that_may_hold_peoples_data_is_found(connection: Connection, database_url: str) -> None:
    connection.execute(
        SQL("ALTER DATABASE {} SET log_error_verbosity = 'default'").format(Identifier(connection.info.dbname))
    )
    line = look(database_url)["server log"]
    assert line.verdict is Verdict.WARNING
    assert line.remedy == "ALTER SYSTEM SET log_error_verbosity = terse; SELECT pg_reload_conf();"


def test_a_pool_that_does_not_fit_is_found(connection: Connection, database_url: str) -> None:
    assert look(database_url, ACCI_POOL_SIZE="1000")["connections"].verdict is Verdict.WRONG
    with login(connection, database_url, *ROLES) as url:
        connection.execute("ALTER ROLE doctors_shop CONNECTION LIMIT 5")
        assert "raise the login's limit" in (look(url)["connections"].remedy or "")
        assert look(url, ACCI_POOL_SIZE="5")["connections"].verdict is Verdict.WELL


def test_an_extension_that_was_dropped_is_found(connection: Connection, database_url: str) -> None:
    connection.execute("DROP EXTENSION pg_trgm CASCADE")
    line = look(database_url)["extension pg_trgm"]
    assert line.verdict is Verdict.WRONG
    connection.execute((line.remedy or "").encode())
    assert "extension pg_trgm" not in look(database_url)


def test_a_database_without_the_schema_says_so_and_the_server_is_looked_at(empty_database_url: str) -> None:
    found = look(empty_database_url)
    assert not_well(found) == {"migrations": Verdict.WRONG}
    assert "Run `acci migrate`" in found["migrations"].said
    assert "`acci migrate` makes it" in found["extensions"].said
    assert not {"pooler", "mark", "keys"} & set(found)
    migrate(empty_database_url)
    assert not_well(look(empty_database_url)) == {}


def test_a_migration_that_was_edited_or_is_newer_is_found(connection: Connection, database_url: str) -> None:
    connection.execute("INSERT INTO acci_migrations.applied VALUES ('9999_later', 'x')")
    assert "Update ACCI" in look(database_url)["migrations"].said
    connection.execute("DELETE FROM acci_migrations.applied WHERE name = '9999_later'")
    connection.execute("UPDATE acci_migrations.applied SET checksum = 'x'")
    assert "was edited" in look(database_url)["migrations"].said


def test_a_mark_that_is_held_is_found_as_health_finds_it(connection: Connection, database_url: str) -> None:
    establish(connection)
    assert look(database_url)["mark"].verdict is Verdict.WELL
    connection.execute("UPDATE acci.high_water SET position = 10")
    line = look(database_url)["mark"]
    assert line.verdict is Verdict.WRONG
    assert "restored from an older backup" in line.said


def test_keys_are_looked_at_where_there_is_personal_data(connection: Connection, keys_url: str) -> None:
    url = connection.info.dsn + f" password={connection.info.password}"
    assert look(url)["keys"].said == "No registered event has personal data."
    assert "set ACCI_KEYS_URL" in look(url, PEOPLE)["keys"].said
    unused = look(url, ACCI_KEYS_URL=keys_url)["keys"]
    assert (unused.verdict, "are made at first use, not wrapped" in unused.said) == (Verdict.WELL, True)
    with connect(keys_url, "test") as there:
        assert there.execute("SELECT to_regclass('acci_keys.keys')").fetchone() == (None,), "it makes nothing"
    mine, other = ("MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=", "MTEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=")
    store = KeyStore(keys_url, mine)
    store.of("t", "ann")
    store.close()
    assert "can be used, wrapped" in look(url, ACCI_KEYS_URL=keys_url, ACCI_MASTER_KEY=mine)["keys"].said
    for bad in (other, "short", ""):
        assert look(url, ACCI_KEYS_URL=keys_url, ACCI_MASTER_KEY=bad)["keys"].verdict is Verdict.WRONG
    assert look(url, ACCI_KEYS_URL="postgresql://127.0.0.1:1/none")["keys"].verdict is Verdict.WRONG


def test_keys_in_the_logs_own_database_are_a_warning(database_url: str) -> None:
    line = look(database_url, ACCI_KEYS_URL=database_url)["keys"]
    assert line.verdict is Verdict.WARNING
    assert "ACCI_KEYS_URL" in (line.remedy or "")


def test_an_address_for_applications_alone_is_tried(connection: Connection, database_url: str) -> None:
    with login(connection, database_url, "append") as url:
        assert "without a pooler" in look(url, ACCI_DIRECT_URL=database_url)["applications"].said
    with login(connection, database_url, "read") as url:
        assert look(url, ACCI_DIRECT_URL=database_url)["applications"].verdict is Verdict.WRONG


def test_nothing_is_changed(connection: Connection, database_url: str) -> None:
    """PostgreSQL refuses any change in its sessions."""
    establish(connection)
    with login(connection, database_url, *ROLES, default_transaction_read_only="on") as url:
        assert not_well(look(url, ACCI_KEYS_URL=url)) == {"keys": Verdict.WARNING}


def test_the_shell_shows_lines_and_json(bank_url: str) -> None:
    done = acci("doctor", ACCI_DATABASE_URL=bank_url, ACCI_CONTEXTS="tests.domains.bank")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"^wrong   fsync: fsync is off: .*\n +→ ALTER SYSTEM SET fsync = on; ", done.stdout, re.MULTILINE)
    done = acci("doctor", "--json", ACCI_DATABASE_URL=bank_url, ACCI_CONTEXTS="tests.domains.bank")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (1, "wrong")
    (fsync,) = [line for line in found["lines"] if line["name"] == "fsync"]
    assert fsync == {
        "name": "fsync",
        "verdict": "wrong",
        "said": "fsync is off: if the machine crashes, the database may be damaged beyond repair.",
        "remedy": "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();",
    }


def test_the_embedded_server_is_well(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    settings = Settings.from_environment({"ACCI_HOME": str(home)})
    server = EmbeddedServer.of(settings)
    url = server.start(0)
    try:
        assert "Run `acci migrate`" in look(url)["rights"].said, "the server has none of ACCI's roles yet"
        migrate(url)
        done = acci("doctor", "--json", ACCI_HOME=str(home))
        found = json.loads(done.stdout)
        assert [line for line in found["lines"] if line["verdict"] != "well"] == []
        assert (done.returncode, found["verdict"], done.stderr) == (0, "well", "")
    finally:
        server.stop()
