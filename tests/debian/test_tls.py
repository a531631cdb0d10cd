"""TLS with verification: through every door, or refused with a sentence that says what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from acci import Application, acting_as
from acci.domain.users.queries import GetUser
from acci.domain.users.user import CreateUser
from acci.flows.quality.great_expectations import validate
from acci.store.encryption.key_store import KeyStore
from acci.store.generations.generations import live
from acci.store.postgres.database import Database, connect
from acci.store.postgres.errors import DatabaseUnreachable, NotSecured
from acci.store.postgres.migrations import migrate
from acci.store.postgres.refusals import is_transient
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.certificates import Authority
from tests.support.clusters import OF_DEBIAN, Cluster
from tests.support.shell import acci, refusal

CATALOGUE = load(["acci.domain.users"])
USERS = CATALOGUE.projection("user_view")


@dataclass(frozen=True)
class Secured:
    """A server with TLS, for the host name localhost; the authority of its certificate, and another one."""

    server: Cluster
    authority: Authority
    other: Authority

    def url(self, host: str = "localhost", database: str = "acci", **asked: str | Path) -> str:
        wanted = {"sslmode": "verify-full", "sslrootcert": self.authority.certificate} | asked
        return f"postgresql://acci@{host}:{self.server.port}/{database}?{urlencode(wanted)}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    assert OF_DEBIAN.exists(), "install it: apt-get install postgresql-15"
    folder = tmp_path_factory.mktemp("tls")
    made = Secured(Cluster(OF_DEBIAN, folder / "server"), Authority(folder, "ours"), Authority(folder, "another"))
    made.server.create()
    made.server.use_tls(*made.authority.issue("localhost"))
    made.server.start()
    try:
        with psycopg.connect(made.url(database="postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE acci")
            connection.execute("CREATE DATABASE keys")
        migrate(made.url())
        with Application(made.url(), ["acci.domain.users"]) as app, acting_as(tenant_id="acme", user_id="me"):
            app.send(CreateUser(user_id="ann", email="ann@example.org", name="Ann"))
        with connect(made.url(), "test", "project") as connection:
            build.rebuild(connection, CATALOGUE, USERS)
        yield made
    finally:
        made.server.stop()


def test_an_application_and_long_work_are_secured(secured: Secured) -> None:
    with Application(secured.url(), ["acci.domain.users"]) as app, acting_as(tenant_id="acme", user_id="me"):
        assert app.query(GetUser(tenant_id="acme", id="ann")) is not None
        with app.database.connection() as lent:
            assert lent.pgconn.ssl_in_use
    with connect(secured.url(), "test", "project") as connection:
        assert connection.pgconn.ssl_in_use


def test_a_quality_suite_is_secured_as_its_connection_is(secured: Secured) -> None:
    """Its connection by way of SQLAlchemy verifies too: without the authority's file there is none."""
    with connect(secured.url(), "test", "project") as connection:
        generation, suite = live(connection, USERS.name), CATALOGUE.suites[USERS.name]
        assert generation is not None
        assert validate(connection, suite, generation).failures == []
        away = secured.authority.certificate.rename(secured.authority.certificate.with_name("away.pem"))
        try:
            with pytest.raises(Exception, match="root certificate file"):
                validate(connection, suite, generation)
        finally:
            away.rename(secured.authority.certificate)


def test_the_key_store_is_secured(secured: Secured) -> None:
    store = KeyStore(secured.url(database="keys"))
    try:
        key, secret = store.of("acme", "ann")
        assert store.find([key]) == {key: secret}
    finally:
        store.close()
    store = KeyStore(secured.url("127.0.0.1", "keys"))
    with pytest.raises(NotSecured):
        store.of("acme", "ann")


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["health", "--audit-hours", "1000000"],
        ["query", "get_user", "--tenant", "acme", '{"id": "ann"}'],
        ["run", "catch-up"],
        ["run", "check-quality", "user_view"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_the_shell_is_secured(secured: Secured, words: list[str], tmp_path: Path) -> None:
    done = acci(*words, ACCI_DATABASE_URL=secured.url(), ACCI_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_variables_of_libpq_are_heeded(secured: Secured) -> None:
    plain = f"postgresql://acci@{{}}:{secured.server.port}/acci"
    environment = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(secured.authority.certificate)}
    assert acci("status", ACCI_DATABASE_URL=plain.format("localhost"), **environment).returncode == 0
    refused = acci("status", ACCI_DATABASE_URL=plain.format("127.0.0.1"), **environment)
    assert "does not match host name" in refusal(refused)


def test_what_cannot_be_verified_is_refused(secured: Secured) -> None:
    cases = {
        "does not match host name": secured.url("127.0.0.1"),
        "certificate verify failed": secured.url(sslrootcert=secured.other.certificate),
        "does not exist": secured.url(sslrootcert=secured.authority.certificate.with_name("gone.pem")),
    }
    for said, url in cases.items():
        with pytest.raises(NotSecured, match=said) as refused, Database(url, 1, "read") as database:
            database.connection()
        assert not is_transient(refused.value)
        assert said in refusal(acci("status", ACCI_DATABASE_URL=url))


def test_a_server_without_tls_is_refused(secured: Secured, database_url: str) -> None:
    """The embedded PostgreSQL has none."""
    for mode in ("require", "verify-full"):
        url = f"{database_url}?{urlencode({'sslmode': mode, 'sslrootcert': secured.authority.certificate})}"
        with pytest.raises(NotSecured, match="does not support SSL"):
            connect(url, "test")
        assert "turn TLS on in the server" in refusal(acci("status", ACCI_DATABASE_URL=url))


def test_a_server_that_is_down_is_not_taken_for_one_without_tls(secured: Secured) -> None:
    url = secured.url().replace(str(secured.server.port), "1")
    with pytest.raises(DatabaseUnreachable) as refused:
        connect(url, "test")
    assert is_transient(refused.value)
