"""No superuser: the schema is made, and all is done, by logins that an administrator of the server gives rights to."""

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import pytest

from acci import Application, acting_as
from acci.domain.users.queries import GetUser
from acci.domain.users.user import CreateUser
from acci.store.auditing.audit import audit, chosen
from acci.store.embedded.programs import programs
from acci.store.generations import lifecycle
from acci.store.log import seals
from acci.store.monitoring.checks.check import Bounds
from acci.store.monitoring.health import examine
from acci.store.postgres.database import connect
from acci.store.postgres.errors import NotAllowed
from acci.store.postgres.migrations import MigrationFailed, migrate
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from acci.store.settings import Settings
from tests.support.clusters import Cluster
from tests.support.histories import value
from tests.support.shell import acci

CATALOGUE = load(["acci.domain.users"])
USERS = CATALOGUE.projection("user_view")
TENANT = "acme"
CREATE = '{"user_id": "bob", "email": "bob@example.org", "name": "Bob"}'

# What the administrator runs, once, as docs/guides/roles-and-rights.md has it.
MAY_MAKE_ROLES: tuple[LiteralString, ...] = (
    "CREATE ROLE shop_owner LOGIN CREATEROLE",
    "CREATE DATABASE acci OWNER shop_owner",
)
ROLES_ARE_MADE: tuple[LiteralString, ...] = (
    "CREATE ROLE shop_owner LOGIN",
    "CREATE ROLE acci_append",
    "CREATE ROLE acci_project",
    "CREATE ROLE acci_read",
    "CREATE ROLE acci_administer IN ROLE acci_project",
    "GRANT acci_append, acci_project, acci_read, acci_administer TO shop_owner",
    "CREATE DATABASE acci OWNER shop_owner",
)
OTHERS: tuple[LiteralString, ...] = (
    "CREATE ROLE shop LOGIN IN ROLE acci_append, acci_read",
    "CREATE ROLE worker LOGIN IN ROLE acci_project, acci_administer",
)


@pytest.fixture(params=[MAY_MAKE_ROLES, ROLES_ARE_MADE], ids=["the owner makes the roles", "they are made"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A server on which the administrator has done that."""
    made = Cluster(programs(), tmp_path / "server")
    yield from prepared(made, request.param)


def prepared(server: Cluster, statements: tuple[LiteralString, ...]) -> Iterator[Cluster]:
    server.create()
    server.start()
    try:
        with connect(server.url_of("postgres"), "test") as administrator:
            for statement in statements:
                administrator.execute(statement)
        yield server
    finally:
        server.stop()


def test_everything_is_done_by_logins_that_are_no_superusers(server: Cluster, tmp_path: Path) -> None:
    is_made_and_used(server, tmp_path)


def is_made_and_used(server: Cluster, folder: Path) -> None:
    owner, shop, worker = (server.url.replace("//acci@", f"//{login}@") for login in ("shop_owner", "shop", "worker"))
    assert migrate(owner)
    assert migrate(owner) == [], "again, it changes nothing"
    with connect(server.url, "test") as administrator, connect(owner, "test") as connection:
        assert not value(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        for statement in OTHERS:
            administrator.execute(statement)
        for login in ("shop", "worker"):
            connection.execute(f"GRANT CONNECT ON DATABASE acci TO {login}".encode())
    with Application(shop, ["acci.domain.users"]) as app, acting_as(tenant_id=TENANT, user_id="me"):
        app.send(CreateUser(user_id="ann", email="ann@example.org", name="Ann"))
        with connect(worker, "test", "project") as connection:
            build.rebuild(connection, CATALOGUE, USERS)
            build.rebuild(connection, CATALOGUE, USERS)
            assert lifecycle.retain(connection, USERS.name, 0) == 1
        sent = acci("send", "CreateUser", "--tenant", TENANT, "--user", "me", CREATE, ACCI_DATABASE_URL=shop)
        assert sent.returncode == 0, sent.stderr
        with connect(worker, "test", "project") as connection:
            catch_up(connection, CATALOGUE, USERS)
        assert app.query(GetUser(tenant_id=TENANT, id="bob")) is not None
        with pytest.raises(NotAllowed):
            app.status()
    with connect(worker, "test", "administer") as connection:
        assert seals.seal(connection, 1000).events == 2
    with connect(worker, "test", "project") as connection:
        made = [audit(connection, CATALOGUE, check, name) for check, name in chosen(CATALOGUE, [], None)]
    assert [(each.check, each.found, each.left_out) for each in made if each.found or each.left_out] == []
    checks = examine(
        Settings.from_environment({"ACCI_DATABASE_URL": worker}), CATALOGUE, Bounds(audit_hours=1e6)
    ).checks
    assert [check.said for check in checks if not check.healthy] == []
    for words in (["status"], ["metrics"], ["findings"]):
        done = acci(*words, ACCI_DATABASE_URL=worker, ACCI_HOME=str(folder))
        assert (done.returncode, done.stderr) == (0, ""), words


def test_what_the_administrator_has_to_run_is_said(tmp_path: Path) -> None:
    statements: tuple[LiteralString, ...] = ("CREATE ROLE shop_owner LOGIN", "CREATE DATABASE acci OWNER shop_owner")
    for server in prepared(Cluster(programs(), tmp_path / "server"), statements):
        owner = server.url.replace("//acci@", "//shop_owner@")
        with pytest.raises(MigrationFailed, match="CREATEROLE") as refused:
            migrate(owner)
        remedy = str(refused.value).partition("run: ")[2].partition(";")[0]
        with connect(server.url_of("postgres"), "test") as administrator:
            administrator.execute(remedy.encode())
        assert migrate(owner)
