"""PostgreSQL's point-in-time recovery, as the guide has it: the server goes on from before what went wrong."""

from pathlib import Path

from acci.domain.users.user import CreateUser
from acci.store.application.acting import acting_as
from acci.store.application.application import Application
from acci.store.auditing.audit import audit, chosen
from acci.store.embedded.programs import programs
from acci.store.log import high_water, seals
from acci.store.postgres.database import connect
from acci.store.postgres.migrations import migrate
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.clusters import Cluster
from tests.support.histories import value
from tests.support.prefect_server import wait_for
from tests.support.shell import acci

CATALOGUE = load(["acci.domain.users"])
USERS = CATALOGUE.projection("user_view")


def send(url: str, *names: str) -> None:
    with Application(url, ["acci.domain.users"]) as app, acting_as(tenant_id="acme", user_id="me"):
        for name in names:
            app.send(CreateUser(user_id=name, email=f"{name}@example.org", name=name))


def advance(url: str) -> None:
    with connect(url, "test", "project") as connection:
        catch_up(connection, CATALOGUE, USERS)


def test_a_server_is_recovered_to_a_point_in_time(tmp_path: Path) -> None:
    """Log, read models, checkpoints and seals are of that point, together: nothing needs a rebuild."""
    first, second = Cluster(programs(), tmp_path / "first"), Cluster(programs(), tmp_path / "second")
    first.create()
    archive = first.archive()
    first.start()
    try:
        with connect(first.url_of("postgres"), "test") as administrator:
            administrator.execute("CREATE DATABASE acci")
        migrate(first.url)
        with connect(first.url, "test") as connection:
            build.rebuild(connection, CATALOGUE, USERS)
            send(first.url, "before")
            second.create_as_backup_of(first)
            send(first.url, "after-the-backup")
            advance(first.url)
            chain = seals.seal(connection, 1000).chain
            connection.execute("SELECT pg_create_restore_point('sound')")
            send(first.url, "mistake")
            advance(first.url)
            needed = value(connection, "SELECT pg_walfile_name(pg_switch_wal())")
            wait_for((archive / needed).exists, 30, "what is needed is archived")
    finally:
        first.stop()
    second.recover(archive, "sound")
    second.start()
    try:
        with connect(second.url, "test") as connection:
            wait_for(lambda: not value(connection, "SELECT pg_is_in_recovery()"), 30, "it takes writes")
            rows = connection.execute("SELECT id FROM read.user_view ORDER BY id").fetchall()
            assert [name for (name,) in rows] == ["after-the-backup", "before"]
            assert value(connection, "SELECT array_agg(aggregate_id ORDER BY position) FROM acci.events") == [
                "before",
                "after-the-backup",
            ]
            made = [audit(connection, CATALOGUE, check, name) for check, name in chosen(CATALOGUE, [], None)]
            assert [each for each in made if each.found] == []
            send(second.url, "mistake", "next")
            advance(second.url)
            assert value(connection, "SELECT count(*) FROM read.user_view") == 4
            mark = high_water.establish(connection, 10)
            assert mark.position == mark.head == value(connection, "SELECT max(position) FROM acci.events")
            assert value(connection, "SELECT encode(chain, 'hex') FROM acci.seals ORDER BY seal LIMIT 1") == chain
        assert acci("health", "--audit-hours", "1000000", ACCI_DATABASE_URL=second.url).returncode == 0
    finally:
        second.stop()
