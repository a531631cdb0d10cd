"""Read models under test: what they hold against what they must, and what is done to those who fill them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from psycopg import sql

from acci.domain.events import Event
from acci.domain.projections import Insert, Projection, on
from acci.domain.users import CONTEXT as USERS
from acci.domain.users.events import UserCreated
from acci.store.backfilling import backfill as backfilling
from acci.store.backfilling.chunks import Backfill
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection, connect
from acci.store.rebuilding import build, new_generation
from acci.store.registry import Catalogue, load
from tests.support.histories import append_orders, append_users, differences, value
from tests.support.prefect_server import wait_for
from tests.support.servers import SharedServer

CONTEXTS = ["acci.domain.users", "tests.domains.orders"]
ROWS = {"user_view": "user_rows", "daily_sales": "sales_rows"}


def wrong_rows(connection: Connection, projection: type[Projection]) -> int:
    """How many rows that readers see are not what the events say, by a query that knows nothing of projections."""
    return differences(connection, ROWS[projection.name], f"read.{projection.name}")


@contextmanager
def database_with_users(server: SharedServer, users: int) -> Iterator[str]:
    """A database in which user_view is live, for several tests that change nothing of it."""
    with server.database() as url:
        catalogue = load(["acci.domain.users"])
        with connect(url, "test") as connection:
            append_users(connection, users)
            build.rebuild(connection, catalogue, catalogue.projection("user_view"))
        yield url


def live_with_users(connection: Connection, catalogue: Catalogue, projection: type[Projection], count: int) -> None:
    """Append the histories of so many users, and rebuild."""
    append_users(connection, count)
    build.rebuild(connection, catalogue, projection)


def live_with_orders(connection: Connection, catalogue: Catalogue, projection: type[Projection], count: int) -> None:
    """Append so many orders, and rebuild."""
    append_orders(connection, count)
    build.rebuild(connection, catalogue, projection)


def built(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], partitions: int = 2
) -> Generation:
    """A finished generation that readers do not see yet."""
    generation, parts = new_generation.begin(connection, catalogue, projection, partitions)
    for part in parts:
        new_generation.fill(connection, projection, generation, part)
    return new_generation.finish(connection, projection, generation)


def rows_of(connection: Connection, projection: type[Projection], schema: str = "read") -> list[tuple[Any, ...]]:
    """Every row, in order."""
    table = sql.Identifier(schema, projection.name)
    return connection.execute(sql.SQL("SELECT * FROM {} ORDER BY 1, 2").format(table)).fetchall()


def backfill(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], choice: Choice, chunk_size: int = 7
) -> Backfill:
    """A whole one, chunk by chunk."""
    begun = backfilling.begin(connection, catalogue, projection, choice, chunk_size)
    return backfilling.run_chunks(connection, catalogue, projection, begun)


def live(connection: Connection, projection: type[Projection]) -> Generation:
    """The live generation; there must be one."""
    found = generations.live(connection, projection.name)
    assert found is not None
    return found


def cut(connection: Connection, pid: int) -> None:
    """End another's session, as a lost connection would; it is over afterwards."""
    connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def wait_until_blocked(connection: Connection, pid: int) -> None:
    """Wait until the session `pid` waits for somebody's lock."""
    waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    wait_for(lambda: value(connection, waits, (pid,)), 30, "it waits for a lock")


@contextmanager
def stuck_half_way(connection: Connection, generation: Generation, database_url: str) -> Iterator[None]:
    """Inside, a session that fills the generation waits in the middle of its statement."""
    connection.execute(
        """CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN new; END $$"""
    )
    table = sql.Identifier(generation.schema, "user_view")
    trigger = "CREATE TRIGGER waits BEFORE INSERT ON {} FOR EACH ROW WHEN (new.id = 'user-77') EXECUTE FUNCTION wait()"
    connection.execute(sql.SQL(trigger).format(table))
    with connect(database_url, "other") as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(4711)")
        yield
    connection.execute(sql.SQL("DROP TRIGGER waits ON {}").format(table))
    connection.execute("DROP FUNCTION public.wait()")


def with_table(folder: Path, text: str) -> Catalogue:
    """The catalogue of users with another SQL file for the table of user_view, in `folder`."""
    (folder / "read_models").mkdir(exist_ok=True)
    (folder / "read_models" / "user_view.sql").write_text(text)
    return Catalogue((replace(USERS, sql=folder),))


def changed_users() -> type[Projection]:
    """The user read model by other rules."""

    class UserView(Projection):
        """Users without their addresses."""

        key = ("tenant_id", "id")

        @on(UserCreated)
        def created(self, event: Event[UserCreated]) -> Insert:
            return Insert(
                email="hidden",
                name=event.data.name,
                status="active",
                created_at=event.timestamp,
                updated_at=event.timestamp,
            )

    return UserView
