"""A primary and its hot standby, with users, whose read model is live."""

from pathlib import Path

from acci.store.postgres.database import connect
from acci.store.postgres.migrations import migrate
from acci.store.registry import load
from tests.support.clusters import Cluster
from tests.support.histories import value
from tests.support.prefect_server import wait_for
from tests.support.read_models import live_with_users

CATALOGUE = load(["acci.domain.users"])
USERS = CATALOGUE.projection("user_view")


class Pair:
    """A primary with users, its read model live, and a standby that follows."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.primary, self.standby = Cluster(programs, folder / "primary"), Cluster(programs, folder / "standby")
        self.primary.create()
        self.primary.start()
        with connect(self.primary.url_of("postgres"), "test") as connection:
            connection.execute("CREATE DATABASE acci")
        migrate(self.primary.url)
        with connect(self.primary.url, "test") as connection:
            live_with_users(connection, CATALOGUE, USERS, 20)
        self.standby.create_as_standby_of(self.primary)
        self.standby.start()
        self.wait()

    def wait(self) -> None:
        """Until the standby has all that the primary committed."""
        with connect(self.primary.url, "test") as there, connect(self.standby.url, "test") as here:
            end = value(there, "SELECT pg_current_wal_lsn()")
            replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            wait_for(lambda: value(here, replayed, (end,)), 30, "the standby follows")

    def stop(self) -> None:
        self.standby.stop()
        self.primary.stop()
