"""Each role may do its own work and nothing else; every connection takes the one it needs."""

import threading
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql as identifiers

from acci.store.generations import lifecycle
from acci.store.log.high_water import establish
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.errors import NotAllowed
from acci.store.postgres.migrations import MigrationFailed, migrate
from acci.store.postgres.session import Role
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.histories import append_users, value
from tests.support.read_models import database_with_users
from tests.support.servers import SharedServer
from tests.support.shell import acci, refusal

EVENT = """(%s"timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata) %s
    VALUES (%snow(), gen_random_uuid(), 1, 'tenant-0', 'Probe', 'p', 'Probed', '{}', '{}')"""
APPEND = "INSERT INTO acci.events " + EVENT % ("", "", "")
BELOW_THE_MARK = "INSERT INTO acci.events " + EVENT % ("position, ", "OVERRIDING SYSTEM VALUE", "-1, ")
BACKWARDS = "SELECT setval('acci.events_position_seq', 1)"

EVERYBODY: tuple[Role, ...] = ("append", "project", "read", "administer")
FORBIDDEN: dict[str, tuple[tuple[Role, ...], LiteralString]] = {
    "append": (("project", "read"), APPEND),
    "append below the mark": (EVERYBODY, BELOW_THE_MARK),
    "set the positions back": (EVERYBODY, BACKWARDS),
    "draw a position": (EVERYBODY, "SELECT nextval('acci.events_position_seq')"),
    "change an event": (EVERYBODY, "UPDATE acci.events SET data = '{}'"),
    "delete an event": (EVERYBODY, "DELETE FROM acci.events"),
    "truncate the log": (EVERYBODY, "TRUNCATE acci.events"),
    "lock the log": (EVERYBODY, "LOCK TABLE acci.events IN SHARE MODE"),
    "drop the log": (EVERYBODY, "DROP TABLE acci.events"),
    "disable what keeps it": (EVERYBODY, "ALTER TABLE acci.events DISABLE TRIGGER ALL"),
    "lift the tenants' policy": (EVERYBODY, "ALTER TABLE acci.events DISABLE ROW LEVEL SECURITY"),
    "add a policy": (EVERYBODY, "CREATE POLICY mine ON acci.events USING (true)"),
    "forget a command": (EVERYBODY, "DELETE FROM acci.commands"),
    "change a seal": (EVERYBODY, "DELETE FROM acci.seals"),
    "seal": (
        ("append", "project", "read"),
        "INSERT INTO acci.seals VALUES (1, 0, 1, 1, now(), '', '', '{}', '{}')",
    ),
    "raise the mark": (("append", "read"), "UPDATE acci.high_water SET position = 10"),
    "move a checkpoint": (("append", "read"), "UPDATE acci.generations SET checkpoint = 0"),
    "drop a generation": (("append", "read"), "DROP SCHEMA generation_1 CASCADE"),
    "write a read model": (("append", "read"), "DELETE FROM generation_1.user_view"),
    "write through its view": (("append", "read"), "DELETE FROM read.user_view"),
    "go round its view": (("append", "read"), "SELECT FROM generation_1.user_view"),
    "read a read model": (("append",), "SELECT FROM read.user_view"),
    "put another view in its place": (("append", "read"), "DROP VIEW read.user_view"),
    "make a schema": (("append", "read"), "SELECT acci.make_schema('generation_99')"),
    "make any schema": (EVERYBODY, "SELECT acci.make_schema('mine')"),
    "make it without asking": (EVERYBODY, "CREATE SCHEMA mine"),
    "take a snapshot": (("read",), "INSERT INTO acci.snapshots VALUES (now(), 1, 't', 'T', 'a', '', '{}')"),
    "drop a snapshot": (("append", "read"), "DELETE FROM acci.snapshots"),
    "read findings": (("append", "read"), "SELECT FROM acci.findings"),
    "read dead letters": (("append",), "SELECT FROM acci.dead_letters"),
    "discard an event": (("append", "project", "read"), "INSERT INTO acci.discarded_events VALUES ('p', 1, '')"),
    "import": (("append", "project", "read"), "INSERT INTO acci.imports (content, mapping, file) VALUES ('', '', '')"),
    "change the schema's history": (EVERYBODY, "DELETE FROM acci_migrations.applied"),
}
CASES = [
    pytest.param(role, statement, id=f"{role} may not {what}")
    for what, (roles, statement) in FORBIDDEN.items()
    for role in roles
]


@pytest.fixture(scope="module")
def shared_url(server: SharedServer) -> Iterator[str]:
    """One database for all that is refused, since nothing of that changes it; user_view is live in it."""
    with database_with_users(server, 10) as url:
        yield url


@pytest.mark.parametrize(("role", "statement"), CASES)
def test_each_role_is_refused_what_it_may_not(shared_url: str, role: Role, statement: LiteralString) -> None:
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with connect(shared_url, "test", role) as connection, refused, connection.transaction():
        connection.execute(statement)


def test_each_role_can_do_its_own_work(database_url: str) -> None:
    """Each does its own work: appends, projects what was appended, reads it, administers."""
    catalogue = load(["acci.domain.users"])
    users = catalogue.projection("user_view")
    environment = {"ACCI_DATABASE_URL": database_url}
    create = '{"user_id": "ann", "email": "ann@example.com", "name": "Ann"}'
    sent = acci("send", "CreateUser", "--tenant", "t1", "--user", "me", create, **environment)
    assert sent.returncode == 0, sent.stderr
    with connect(database_url, "test", "project") as connection:
        build.rebuild(connection, catalogue, users)
        build.rebuild(connection, catalogue, users)
        assert lifecycle.retain(connection, "user_view", 0) == 1
        assert catch_up(connection, catalogue, users).checkpoint == 1
    with connect(database_url, "test", "append") as connection:
        assert establish(connection).position == 1, "known, though not remembered"
    for command in (
        ["query", "get_user", "--tenant", "t1", '{"id": "ann"}'],
        ["history", "ann", "--tenant", "t1"],
        ["status"],
        ["as-of", "user_view"],
        ["as-of", "user_view", "--tenant", "t1"],
    ):
        done = acci(*command, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "ann" in done.stdout or command == ["status"]


def test_a_login_has_the_roles_it_was_given(database_url: str) -> None:
    """Strict separation: a login for the application that can append and read, and take no other role."""
    with connect(database_url, "test") as connection, login(connection) as (name, url):
        user, database = identifiers.Identifier(name), identifiers.Identifier(connection.info.dbname)
        connection.execute(identifiers.SQL("GRANT acci_read TO {}").format(user))
        connection.execute(identifiers.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, user))
        with connect(url, "test", "read") as reader:
            assert value(reader, "SELECT current_user") == "acci_read"
        with pytest.raises(NotAllowed, match='permission denied to set role "acci_append"'):
            connect(url, "test", "append")
        create = '{"user_id": "ann", "email": "ann@example.com", "name": "Ann"}'
        said = refusal(acci("send", "CreateUser", "--tenant", "t", "--user", "u", create, ACCI_DATABASE_URL=url))
        assert said.startswith("The database's user may not do this:")


def test_without_roles_the_error_says_to_migrate(empty_database_url: str) -> None:
    said = refusal(acci("status", ACCI_DATABASE_URL=empty_database_url))
    assert "Run `acci migrate`" in said


def test_migrating_needs_the_right_to_create_roles(server: SharedServer) -> None:
    """Without CREATEROLE there is an error; with it, the whole schema is made and used without a superuser."""
    with (
        server.database(template="template1") as url,
        connect(url, "test") as connection,
        login(connection) as (name, as_owner),
    ):
        owner = identifiers.Identifier(name)
        database = identifiers.Identifier(connection.info.dbname)
        connection.execute(identifiers.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
        connection.execute("CREATE EXTENSION pg_trgm SCHEMA public")
        connection.execute("CREATE EXTENSION btree_gin SCHEMA public")
        with pytest.raises(MigrationFailed, match="may not make the roles") as refused:
            migrate(as_owner)
        assert "WITH ADMIN OPTION" in str(refused.value)
        assert value(connection, "SELECT to_regclass('acci.events') IS NULL")
        roles = "acci_append, acci_project, acci_read, acci_administer"
        grant = identifiers.SQL("GRANT {} TO {} WITH ADMIN OPTION")
        connection.execute(grant.format(identifiers.SQL(roles), owner))
        migrate(as_owner)
        catalogue = load(["acci.domain.users"])
        with connect(as_owner, "test") as opened:
            append_users(opened, 5)
        with connect(as_owner, "test", "project") as opened:
            build.rebuild(opened, catalogue, catalogue.projection("user_view"))
        with connect(as_owner, "test", "administer") as opened:
            assert value(opened, "SELECT count(*) FROM read.user_view") > 0
        connection.execute(identifiers.SQL("REASSIGN OWNED BY {} TO acci").format(owner))


def test_a_login_of_another_database_stays_outside(server: SharedServer) -> None:
    """Roles belong to the server: a login with one of them has it in every database that it may connect to."""
    with server.database(template="template1") as mine, server.database(template="template1") as other:
        migrate(mine)
        migrate(other)
        with connect(mine, "test") as connection, login(connection) as (name, url):
            connection.execute(identifiers.SQL("GRANT acci_append TO {}").format(identifiers.Identifier(name)))
            theirs = url.rpartition("/")[0] + "/" + other.rpartition("/")[2]
            for outside in (url, theirs):
                with pytest.raises(NotAllowed, match="GRANT CONNECT ON DATABASE"):
                    connect(outside, "test", "append")
            with pytest.raises(NotAllowed), Database(theirs, role="append") as database, database.connection():
                pass
            grant = identifiers.SQL("GRANT CONNECT ON DATABASE {} TO {}")
            connection.execute(
                grant.format(identifiers.Identifier(connection.info.dbname), identifiers.Identifier(name))
            )
            connect(url, "test", "append").close()
            with pytest.raises(NotAllowed):
                connect(theirs, "test", "append")
            migrate(mine)
            connect(url, "test", "append").close()


def test_an_open_database_stays_open_for_its_current_logins(server: SharedServer) -> None:
    with server.database(template="template1") as url:
        migrate(url)
        with connect(url, "test") as connection, login(connection) as (name, as_login):
            database, user = identifiers.Identifier(connection.info.dbname), identifiers.Identifier(name)
            connection.execute(identifiers.SQL("GRANT acci_read TO {}").format(user))
            connection.execute(identifiers.SQL("GRANT CONNECT ON DATABASE {} TO PUBLIC").format(database))
            with connect(as_login, "test", "read"):
                migrate(url)
            connect(as_login, "test", "read").close()
            closed = "SELECT has_database_privilege('public', current_database(), 'CONNECT')"
            assert value(connection, closed) is False


def test_databases_of_one_server_migrate_at_the_same_time(server: SharedServer) -> None:
    failed: list[Exception] = []

    def make(url: str) -> None:
        try:
            migrate(url)
        except Exception as error:  # noqa: BLE001 any exception, which the test shows
            failed.append(error)

    with server.database(template="template1") as one, server.database(template="template1") as other:
        threads = [threading.Thread(target=make, args=(url,)) for url in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []


class login:  # noqa: N801 used as a function
    """A login of the test's own, without any right; gone at the end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._name = f"login_{connection.info.dbname.rpartition('_')[2]}"

    def __enter__(self) -> tuple[str, str]:
        info, role = self._connection.info, identifiers.Identifier(self._name)
        self._connection.execute(identifiers.SQL("CREATE ROLE {} LOGIN PASSWORD 'p'").format(role))
        return self._name, f"postgresql://{self._name}:p@{info.host}:{info.port}/{info.dbname}"

    def __exit__(self, *_: Any) -> None:
        role = identifiers.Identifier(self._name)
        self._connection.execute(identifiers.SQL("DROP OWNED BY {}").format(role))
        self._connection.execute(identifiers.SQL("DROP ROLE {}").format(role))
