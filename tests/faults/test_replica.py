"""Reads go to a replica while it is little behind, and to the primary else; what decides never does."""

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import Depends, FastAPI

from acci import Application, acting_as
from acci.domain.events import StreamId
from acci.domain.users.queries import GetUser
from acci.domain.users.user import CreateUser, UpdateUser, User
from acci.flows.runtime.session import replica_up_to_date
from acci.flows.web import Identity, router
from acci.store.application.handled import Handled
from acci.store.application.pool import ApplicationClosed
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.findings import findings
from acci.store.embedded.programs import programs
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.migrations import migrate
from acci.store.postgres.replica import Lag, Replica
from acci.store.projecting.batches import catch_up
from acci.store.reading.waiting import NotThereYet
from acci.store.settings import Settings
from tests.domains.bank.ledger import corrupt
from tests.integration.web.conftest import Client
from tests.support.clusters import Cluster
from tests.support.histories import append_probe, value
from tests.support.pairs import CATALOGUE, USERS, Pair
from tests.support.prefect_server import wait_for
from tests.support.shell import acci

TENANT = "acme"
ANY, LITTLE = 1_000_000.0, 0.4  # seconds that it may be behind


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    both = Pair(programs(), tmp_path_factory.mktemp("pair"))
    yield both
    both.stop()


@contextmanager
def application(pair: Pair, lag: float, read_url: str | None = None) -> Iterator[Application]:
    """Its replica was looked at once, so that it is known how far it is behind."""
    settings = Settings.from_environment({"ACCI_DATABASE_URL": pair.primary.url})
    settings = replace(settings, read_url=read_url or pair.standby.url, read_lag=lag)
    with Application(settings=settings) as app, acting_as(tenant_id=TENANT, user_id="me"):
        pair.wait()
        wait_for(lambda: read_url or is_read(app), 10, "the replica is read")
        yield app


def is_read(app: Application) -> bool:
    found = app.replica()
    return found is not None and found.problem is None


def is_behind(found: Lag | None) -> Lag | None:
    return found if found and found.seconds and found.positions == 1 and found.problem else None


def problem(app: Application) -> str:
    found = app.replica()
    return "" if found is None else str(found.problem)


@contextmanager
def held(cluster: Cluster) -> Iterator[None]:
    """Inside, the standby replays nothing of what its primary sends."""
    with connect(cluster.url, "test") as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        wait_for(lambda: value(connection, "SELECT pg_get_wal_replay_pause_state()") == "paused", 10, "it is paused")
        try:
            yield
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")


def create(app: Application, pair: Pair) -> str:
    """A user whom the primary's read model has."""
    return user_of(created(app, pair))


def created(app: Application, pair: Pair) -> Handled:
    done = app.send(CreateUser(user_id=f"u{uuid4().hex}", email="ann@example.org", name="Ann"))
    with connect(pair.primary.url, "test", "project") as connection:
        catch_up(connection, CATALOGUE, USERS)
    return done


def user_of(done: Handled) -> str:
    return done.events[0].aggregate_id


def finds(app: Application, name: str) -> bool:
    return app.query(GetUser(tenant_id=TENANT, id=name)) is not None


def test_questions_are_answered_by_the_replica(pair: Pair) -> None:
    reads_the_replica(pair)


def reads_the_replica(pair: Pair) -> None:
    """As it stands; what decides, and what a decision may be made of, is of the primary."""
    with application(pair, ANY) as app, held(pair.standby):
        name = create(app, pair)
        assert not finds(app, name)
        assert app.history(User, name) == []
        assert all(row["id"] != name for row in app.as_of(USERS, app.status().high_water.position))
        assert app.status().high_water.standby
        assert app.read(lambda events: events.read_all(tenant_id=TENANT, backwards=True, limit=1)) is not None
        assert app.load(User, name).version == app.events.version(StreamId(TENANT, "User", name)) == 1
        key = uuid4()
        first = app.send(UpdateUser(user_id=name, name="Bob"), expected_version=1, idempotency_key=key)
        again = app.send(UpdateUser(user_id=name, name="Bob"), expected_version=1, idempotency_key=key)
        assert first.version == again.version == 2
    with application(pair, ANY) as app:
        assert finds(app, name)


def test_one_that_is_far_behind_is_not_read(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    with application(pair, LITTLE) as app:
        with held(pair.standby):
            name = create(app, pair)
            wait_for(lambda: finds(app, name), 10, "the primary is asked")
            found = wait_for(lambda: is_behind(app.status().replica), 10, "it is told by how much")
            assert found.seconds > LITTLE
            assert "ACCI_READ_LAG allows 0.4" in str(found)
            for _ in range(20):
                assert finds(app, name)
        wait_for(lambda: is_read(app), 10, "it is read again")
        assert finds(app, name)
    said = [each.message for each in caplog.records if each.name == "acci.store.postgres.replica"]
    assert len(said) == 2, "once when it begins, and once when it is over"
    assert all(pair.standby.url not in each and "@" not in each for each in said)


def test_waiting_is_for_the_replica(pair: Pair) -> None:
    """So that one reads one's own writes there."""
    with application(pair, ANY) as app:
        with held(pair.standby):
            done = created(app, pair)
            with pytest.raises(NotThereYet):
                app.wait_for(done, [USERS], timeout=0.1)
        app.wait_for(done, [USERS])
        assert finds(app, user_of(done))


def test_what_was_waited_for_on_the_primary_is_not_missing_on_the_replica_later(tmp_path: Path) -> None:
    """The replica comes back behind it, and might be read, if any lag is allowed."""
    both = Pair(programs(), tmp_path)
    try:
        with application(both, ANY) as app:
            both.standby.stop()
            wait_for(lambda: "cannot be used" in problem(app), 10, "it is noticed")
            done = created(app, both)
            app.wait_for(done, [USERS])
            both.standby.start("recovery_min_apply_delay=1h")
            for _ in range(20):
                assert finds(app, user_of(done))
            wait_for(lambda: "cannot be used" not in problem(app), 60, "it is seen again")
            for _ in range(20):
                assert finds(app, user_of(done))
            assert not is_read(app)
    finally:
        both.stop()


def test_one_that_is_gone_is_not_missed(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    with application(pair, ANY) as app:
        name = create(app, pair)
        pair.standby.stop()
        try:
            assert finds(app, name), "at once, not only when it was noticed"
            assert app.history(User, name)
        finally:
            pair.standby.start()
        wait_for(lambda: is_read(app), 60, "it is read again")
        assert finds(app, name)
    said = [each for each in caplog.records if each.name == "acci.store.postgres.replica"]
    assert [each.levelno for each in said] == [logging.WARNING, logging.WARNING]


def test_without_its_primary_it_is_read_until_it_may_be_too_far_behind(tmp_path: Path) -> None:
    both = Pair(programs(), tmp_path)
    try:
        with application(both, 3.0) as app:
            name = create(app, both)
            both.wait()
            wait_for(lambda: finds(app, name), 10, "it has it")
            both.primary.stop()
            assert finds(app, name)
            wait_for(lambda: not is_read(app), 30, "nobody knows how far it is behind")
    finally:
        both.primary.start()
        both.stop()


def test_what_a_standby_cannot_do_the_primary_does(pair: Pair) -> None:
    def with_a_temporary_table(database: Database) -> bool:
        with database.connection() as connection, connection.transaction():
            connection.execute("CREATE TEMPORARY TABLE mine () ON COMMIT DROP")
            return bool(value(connection, "SELECT pg_is_in_recovery()"))

    primary, standby = Database(pair.primary.url), Database(pair.standby.url)
    with primary, Replica(primary, standby, ANY) as replica:
        wait_for(lambda: replica.lag().problem is None, 10, "it is read")
        assert replica.read(with_a_temporary_table) is False


def test_no_other_database_is_taken_for_a_replica(pair: Pair, database_url: str) -> None:
    """Of another server, or of the same one: its history is another one."""
    with connect(pair.primary.url_of("postgres"), "test") as connection:
        connection.execute("CREATE DATABASE other")
    migrate(pair.primary.url_of("other"))
    pair.wait()
    for url, said in (
        (database_url, "another database"),
        (pair.standby.url_of("other"), "another database"),
        (pair.primary.url, "the primary itself"),
        (pair.standby.url_of("nowhere"), "cannot be used"),
        (pair.standby.url_of("template1"), "cannot be used"),
    ):
        with application(pair, ANY, url) as app:
            name = create(app, pair)
            assert finds(app, name)
            assert said in problem(app), url


def test_after_a_failover_the_old_addresses_are_not_mistaken(tmp_path: Path) -> None:
    """The standby is promoted: beside its primary it is none of its standbys; once that is gone, it is the primary."""
    both = Pair(programs(), tmp_path)
    try:
        with application(both, ANY) as app:
            both.standby.promote()
            wait_for(lambda: "no standby" in problem(app), 10, "it is noticed")
            assert finds(app, create(app, both))
        both.primary.kill()
        hosts = f"127.0.0.1:{both.primary.port},127.0.0.1:{both.standby.port}"
        settings = Settings.from_environment(
            {
                "ACCI_DATABASE_URL": f"postgresql://acci@{hosts}/acci?target_session_attrs=read-write",
                "ACCI_READ_URL": both.standby.url,
            }
        )
        with Application(settings=settings) as app, acting_as(tenant_id=TENANT, user_id="me"):
            app.send(CreateUser(user_id="new", email="ann@example.org", name="Ann"))
            assert app.history(User, "new")
            assert "the primary itself" in problem(app)
    finally:
        both.standby.kill()
        both.primary.kill()


def test_threads_share_it(pair: Pair) -> None:
    with application(pair, LITTLE) as app:
        done, failed = created(app, pair), list[BaseException]()

        def ask() -> None:
            with acting_as(tenant_id=TENANT, user_id="me"):
                for _ in range(50):
                    try:
                        app.wait_for(done, [USERS])
                        assert finds(app, user_of(done))
                    except BaseException as error:  # noqa: BLE001 shown below
                        failed.append(error)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert failed == []


def test_a_closed_application_is_closed_for_reads_too(pair: Pair) -> None:
    with application(pair, ANY) as app:
        done = created(app, pair)
    before = threading.active_count()
    for read in (
        lambda: finds(app, user_of(done)),
        lambda: app.read(lambda events: events.version(StreamId(TENANT, "User", user_of(done)))),
        lambda: app.wait_for(done, [USERS]),
    ):
        with acting_as(tenant_id=TENANT), pytest.raises(ApplicationClosed):
            read()
    assert threading.active_count() == before, "and nothing was opened again"


def test_who_reads_there_cannot_append(pair: Pair) -> None:
    """An append is refused by a standby; done again on the primary, it would be decided on what the replica had."""
    with application(pair, ANY) as app:
        assert app.read(lambda events: hasattr(events, "append")) is False


def test_the_shell_reads_the_replica(pair: Pair) -> None:
    """It says where the replica is; nothing that writes goes there."""
    environment = {"ACCI_DATABASE_URL": pair.primary.url, "ACCI_READ_URL": pair.standby.url}
    with application(pair, ANY) as app:
        name = create(app, pair)
        pair.wait()
        asked = (
            ["query", "get_user", "--tenant", TENANT, json.dumps({"id": name})],
            ["history", name, "--tenant", TENANT],
            ["aggregate", name, "--tenant", TENANT],
            ["as-of", "user_view", "--tenant", TENANT, "--key", TENANT, "--key", name],
        )
        for words in asked:
            done = acci(*words, **environment)
            assert (done.returncode, done.stderr) == (0, ""), words
            assert name in done.stdout
        update = ["send", "UpdateUser", "--tenant", TENANT, "--user", "me", json.dumps({"user_id": name, "name": "Bo"})]
        with held(pair.standby):
            assert acci(*update, **environment).returncode == 0
            shown = [acci(*words, ACCI_READ_LAG="1e6", **environment).stdout for words in asked]
            assert all("Bo" not in each for each in shown), "the replica has not heard of it"
            assert "Bo" in acci(*asked[1], ACCI_READ_LAG="0", **environment).stdout
    done = acci("status", **environment)
    assert re.search(rf"The replica at 127\.0\.0\.1:{pair.standby.port}/acci: \S+ s behind, 0 positions\.", done.stdout)
    assert acci("url", "--read", **environment).stdout.strip() == pair.standby.url
    assert "acci_replica_read 1.0" in acci("metrics", **environment).stdout


def test_the_shell_reads_the_primary_where_the_replica_cannot_be_read(pair: Pair) -> None:
    environment = {"ACCI_DATABASE_URL": pair.primary.url, "ACCI_READ_URL": pair.standby.url_of("nowhere")}
    with application(pair, ANY) as app:
        name = create(app, pair)
    done = acci("query", "get_user", "--tenant", TENANT, json.dumps({"id": name}), **environment)
    assert name in done.stdout
    assert "Reads go to the primary." in done.stderr
    done = acci("health", "--audit-hours", "1000000", **environment)
    assert done.returncode == 1
    assert "Reads go to the primary: it cannot be used" in " ".join(done.stdout.split())
    assert "acci_replica_read 0.0" in acci("metrics", **environment).stdout


def test_http_reads_the_replica(pair: Pair) -> None:
    """A stream that it has not yet is looked for on the primary; min-position waits for the replica."""
    with application(pair, ANY) as app, start_blocking_portal() as portal:
        web = FastAPI()
        web.include_router(router(app, Depends(lambda: Identity(TENANT, "me")), longest_wait=0.2))
        client = Client(web, portal)
        old = create(app, pair)
        pair.wait()
        with held(pair.standby):
            app.send(UpdateUser(user_id=old, name="Bo"))
            done = created(app, pair)
            assert client.get(f"/streams/User/{old}").json()["version"] == 1, "as the replica has it"
            assert client.get(f"/streams/User/{user_of(done)}").json()["version"] == 1
            assert client.get("/streams/User/nobody").status_code == 404
            assert client.get("/queries/get_user", params={"id": user_of(done)}).status_code == 404
            waiting = {"id": user_of(done), "min-position": str(done.position)}
            assert client.get("/queries/get_user", params=waiting).status_code == 503
            sent = client.post("/commands/UpdateUser", json={"user_id": old, "name": "Cy"}, headers={"If-Match": '"2"'})
            assert sent.status_code == 200, "decided on what the primary has"
        pair.wait()
        assert client.get("/queries/get_user", params=waiting).status_code == 200


def test_audits_read_the_log_on_the_replica(tmp_path: Path) -> None:
    """What they find is stored on the primary. What needs a temporary table is made there."""
    both = Pair(programs(), tmp_path)
    try:
        with connect(both.primary.url, "test") as connection, connect(both.standby.url, "test", "project") as replica:
            both.wait()
            for check, name in chosen(CATALOGUE, [], None):
                there = audit(connection, CATALOGUE, check, name, replica=replica)
                assert there.found == audit(connection, CATALOGUE, check, name).found, check.name
            with held(both.standby):
                append_probe(connection, "with-a-gap", version=2)
                corrupt(connection, USERS.name, "DELETE FROM {table}")
                assert found(connection, replica, "stream_versions") == 0, "the replica has not heard of it"
                assert found(connection, None, "stream_versions") == 1
                assert found(connection, replica, "rows", USERS.name) > 0, "a standby has no temporary tables"
            both.wait()
            assert found(connection, replica, "stream_versions") == 1
            assert [each.check for each in findings(connection, "stream_versions")] == ["stream_versions"]
    finally:
        both.stop()


def found(connection: Connection, replica: Connection | None, check: str, projection: str | None = None) -> int:
    ((chosen_check, name),) = chosen(CATALOGUE, [check], projection)
    return len(audit(connection, CATALOGUE, chosen_check, name, replica=replica).found)


def test_an_audit_waits_for_the_replica(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what was repaired just now would be found again."""
    monkeypatch.setenv("ACCI_DATABASE_URL", pair.primary.url)
    with replica_up_to_date("test") as replica:
        assert replica() is None, "there is none"
    monkeypatch.setenv("ACCI_READ_URL", pair.standby.url)
    monkeypatch.setenv("ACCI_READ_LAG", "0.3")
    with replica_up_to_date("test") as replica, connect(pair.primary.url, "test") as connection:
        stream = f"s{uuid4().hex}"
        position = append_probe(connection, stream)
        there = wait_for(replica, 10, "it has it")
        assert value(there, "SELECT count(*) FROM acci.events WHERE position = %s", (position,)) == 1
        with held(pair.standby):
            append_probe(connection, stream, version=2)
            assert replica() is None
        assert wait_for(replica, 10, "it has that too") is there


def test_the_audit_flow_reads_the_replica(pair: Pair, tmp_path: Path) -> None:
    with application(pair, ANY):
        environment = {"ACCI_DATABASE_URL": pair.primary.url, "ACCI_HOME": str(tmp_path)}
        done = acci("run", "audit", "--check", "stream_versions", ACCI_READ_URL=pair.standby.url, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
