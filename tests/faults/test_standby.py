"""The server is a standby: for reading, or because a failover made one of what was the primary."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from acci.domain.errors import AcciError
from acci.store.commands.handler import CommandHandler
from acci.store.embedded.programs import programs
from acci.store.log import high_water
from acci.store.log.event_store import EventStore
from acci.store.monitoring.checks.check import Bounds
from acci.store.monitoring.doctor.diagnosis import Diagnosis, Verdict
from acci.store.monitoring.doctor.examination import examine_database
from acci.store.monitoring.health import examine
from acci.store.monitoring.metrics import read_metrics
from acci.store.monitoring.status import read_status
from acci.store.postgres import tenants
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.errors import ReadOnlyServer
from acci.store.postgres.migrations import migrate
from acci.store.postgres.refusals import refusal_of
from acci.store.projecting.batches import catch_up
from acci.store.reading.as_of import NotFinal, rows_as_of
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from acci.store.settings import Settings
from tests.domains.ledger import CONTEXT, Open, command
from tests.support.clusters import Cluster
from tests.support.histories import append_users, value
from tests.support.pairs import Pair
from tests.support.prefect_server import wait_for
from tests.support.shell import acci, refusal

CATALOGUE, LEDGER = load(["acci.domain.users"]), Catalogue((CONTEXT,))
USERS = CATALOGUE.projection("user_view")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    both = Pair(programs(), tmp_path_factory.mktemp("pair"))
    yield both
    both.stop()


def test_read_only_commands_work(pair: Pair) -> None:
    answers_reading(pair)


def answers_reading(pair: Pair) -> None:
    url = pair.standby.url
    with connect(url, "test", "administer") as connection:
        status = read_status(connection, CATALOGUE)
        assert status.high_water.standby
        assert [each.state for each in status.projections] == ["live"]
        assert status.projections[0].checkpoint == status.high_water.position == status.high_water.head
        assert read_metrics(connection, CATALOGUE).mark.standby
        kept = value(connection, "SELECT count(*) FROM read.user_view")
        assert len(list(rows_as_of(connection, CATALOGUE, USERS))) == kept > 0
    checks = examine(Settings.from_environment({"ACCI_DATABASE_URL": url}), CATALOGUE, Bounds(audit_hours=1e6)).checks
    assert [check.said for check in checks if not check.healthy] == []


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["health", "--audit-hours", "1000000"],
        ["metrics"],
        ["findings"],
        ["history", "{user}", "--tenant", "{tenant}"],
        ["query", "search_users", "--tenant", "{tenant}", '{{"query": "a"}}'],
        ["as-of", "user_view", "--tenant", "{tenant}"],
    ],
    ids=lambda words: words[0],
)
def test_read_only_commands_work_in_the_shell(pair: Pair, words: list[str]) -> None:
    with connect(pair.primary.url, "test") as connection:
        user, tenant = connection.execute("SELECT id, tenant_id FROM read.user_view LIMIT 1").fetchone() or ("", "")
    done = acci(*(word.format(user=user, tenant=tenant) for word in words), ACCI_DATABASE_URL=pair.standby.url)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def examined(url: str) -> dict[str, Diagnosis]:
    settings = Settings.from_environment({"ACCI_DATABASE_URL": url})
    return {line.name: line for line in examine_database(settings, CATALOGUE)}


def test_the_doctor_sees_who_follows_and_whom_commits_wait_for(pair: Pair) -> None:
    assert "standby (streaming, async, " in examined(pair.primary.url)["standbys"].said
    with connect(pair.primary.url, "test") as connection:
        connection.execute("CREATE ROLE shop LOGIN IN ROLE acci_append, acci_read")
        connection.execute("GRANT CONNECT ON DATABASE acci TO shop")
        hidden = examined(pair.primary.url.replace("acci@", "shop@"))["standbys"].said
        assert hidden.startswith("Connected: standby. How far they are shows only to members of pg_monitor.")
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'")
        connection.execute("SELECT pg_reload_conf()")
        line = wait_for(lambda: examined(pair.primary.url).get("synchronous standby"), 10, "the server has read it")
        assert (line.verdict, "elsewhere" in line.said) == (Verdict.WRONG, True)
        for statement in (line.remedy or "").partition("or: ")[2].rstrip(";").split("; "):
            connection.execute(statement.encode())
        wait_for(lambda: "synchronous standby" not in examined(pair.primary.url), 10, "nobody is waited for")
        connection.execute("DROP OWNED BY shop")
        connection.execute("DROP ROLE shop")
    pair.wait()
    standby = examined(pair.standby.url)
    assert (standby["standby"].verdict, "standbys" in standby) == (Verdict.WARNING, False)
    assert {name for name, line in standby.items() if line.verdict is Verdict.WRONG} == {"fsync"}


def test_writes_are_refused_with_one_sentence(pair: Pair) -> None:
    refuses_writing(pair)


def refuses_writing(pair: Pair) -> None:
    url = pair.standby.url
    with Database(url, 1, "append") as database:
        handler = CommandHandler(EventStore(database, LEDGER), LEDGER)
        with pytest.raises(ReadOnlyServer, match="takes no writes") as refused:
            handler.handle(command(Open(account="new", holder="Ann")))
        assert refused.value.transient
    create = '{"user_id": "ann", "email": "ann@example.com", "name": "Ann"}'
    assert "takes no writes" in refusal(acci(*["send", "CreateUser", "--tenant", "t", "--user", "m", create],
                                             ACCI_DATABASE_URL=url))  # fmt: skip
    with connect(url, "test", "project") as connection:
        for write in (
            lambda: build.rebuild(connection, CATALOGUE, USERS),
            lambda: connection.execute("SELECT acci.make_schema('generation_9')"),
        ):
            with pytest.raises((AcciError, psycopg.Error)) as caught:
                write()
            told = caught.value if isinstance(caught.value, AcciError) else refusal_of(caught.value)
            assert isinstance(told, ReadOnlyServer)


def test_only_positions_that_cannot_change_are_final(pair: Pair) -> None:
    keeps_the_mark(pair)


def keeps_the_mark(pair: Pair) -> None:
    """On the primary somebody is still appending below what the standby has."""
    with connect(pair.primary.url, "slow") as slow, connect(pair.primary.url, "test") as quick:
        before = high_water.establish(quick).position
        with slow.transaction():
            append_users(slow, 1, 900)
            append_users(quick, 1, 901)
            end = value(quick, "SELECT max(position) FROM acci.events")
            pair.wait()
            with connect(pair.standby.url, "test", "read") as reader:
                tenants.enter(reader, "tenant-1")
                mark = high_water.establish(reader)
                assert (mark.position, mark.head, mark.standby) == (before, end, True)
                with pytest.raises(NotFinal):
                    list(rows_as_of(reader, CATALOGUE, USERS, position=end))
                candidate = reader.execute("SELECT candidate, holders FROM acci.high_water_candidate()").fetchone()
                assert candidate == (before, None), "SQL gives the same"
        catch_up(quick, CATALOGUE, USERS)
        pair.wait()
        with connect(pair.standby.url, "test", "read") as reader:
            assert high_water.establish(reader).position == high_water.establish(quick).position == end


def test_every_door_finds_the_primary_among_several_hosts(pair: Pair, tmp_path: Path) -> None:
    """The standby is named first; a quality suite has a second connection, by way of SQLAlchemy."""
    hosts = f"127.0.0.1:{pair.standby.port},127.0.0.1:{pair.primary.port}"
    url = f"postgresql://acci@{hosts}/acci?target_session_attrs=read-write"
    create = '{"user_id": "several", "email": "ann@example.com", "name": "Ann"}'
    for words in (
        ["send", "CreateUser", "--tenant", "t", "--user", "me", create],
        ["health", "--audit-hours", "1000000"],
        ["history", "several", "--tenant", "t"],
        ["run", "check-quality", "user_view"],
    ):
        done = acci(*words, ACCI_DATABASE_URL=url, ACCI_HOME=str(tmp_path))
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    with connect(pair.primary.url, "test") as connection:
        catch_up(connection, CATALOGUE, USERS)
    pair.wait()
    assert refusal(acci("status", ACCI_DATABASE_URL=url.replace(str(pair.primary.port), "1"))).count("127.0.0.1") == 4


def test_a_promoted_standby_accepts_writes(tmp_path: Path) -> None:
    both = Pair(programs(), tmp_path)
    try:
        with connect(both.standby.url, "test", "project") as connection:
            before = high_water.establish(connection)
            both.standby.promote()
            append(both.standby.url)
            catch_up(connection, CATALOGUE, USERS)
            after = high_water.establish(connection)
        assert before.standby
        assert not after.standby
        assert after.position > before.position
    finally:
        both.stop()


INSERT = b"""INSERT INTO acci.events
    (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
    VALUES (now(), gen_random_uuid(), %d, 't', 'T', 'a', 'E', '{}', '{}')"""


def answered(connection: Connection) -> bool:
    connection.pgconn.consume_input()
    return not connection.pgconn.is_busy()


def test_a_commit_waiting_for_a_standby_is_not_reported_as_forgotten(tmp_path: Path) -> None:
    """It has committed: if it were ended, its client would take an event that the standby gets for rolled back."""
    server = Cluster(programs(), tmp_path / "alone")
    server.create()
    server.start()
    try:
        with connect(server.url_of("postgres"), "test") as connection:
            connection.execute("CREATE DATABASE acci")
        migrate(server.url)
        with connect(server.url, "test") as looking, connect(server.url, "test") as writing:
            looking.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            looking.execute("SELECT pg_reload_conf()")
            looking.execute("SET synchronous_commit = local")
            wait_for(lambda: value(looking, "SHOW synchronous_standby_names") == "nobody", 10, "the setting is read")
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            for version in count(1):  # the checkpointer reads the setting when it gets to it
                writing.pgconn.send_query(INSERT % version)
                wait_for(lambda: value(looking, waits) or answered(writing), 10, "the commit waits or ends")
                if value(looking, waits):
                    break
                while writing.pgconn.get_result() is not None:
                    pass
            (holder,) = high_water.establish(looking, 0.1).holders
            assert holder.committed
            assert "standby" in holder.state
            settings = Settings.from_environment({"ACCI_DATABASE_URL": server.url})
            found = {each.kind: each.said for each in examine(settings, CATALOGUE, Bounds(mark_seconds=0)).checks}
            assert "Do not end it" in found["mark"]
            assert "end that transaction" not in found["mark"]
            looking.execute("ALTER SYSTEM RESET synchronous_standby_names")
            looking.execute("SELECT pg_reload_conf()")
            while writing.pgconn.get_result() is not None:
                pass
            assert high_water.establish(looking, 30).position == version
    finally:
        server.stop()


def append(url: str) -> None:
    with connect(url, "test") as connection:
        append_users(connection, 3, 500)
