"""A rebuild, a rollback and a backfill cut off at every step, by the end of the run or of PostgreSQL.

The live read model is right at once, goes on being caught up with, and the same run again comes to its end.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import psycopg
import pytest

from acci.domain.errors import AcciError
from acci.store.generations import generations
from acci.store.generations.generations import Busy
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.migrations import migrate
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.cutting import CuttingProxy
from tests.support.doomed import Doomed
from tests.support.histories import append_orders, value
from tests.support.places import REBUILD, RUNS, Place, Run, rebuild
from tests.support.prefect_server import wait_for
from tests.support.read_models import CONTEXTS, live, rows_of, wrong_rows
from tests.support.servers import SharedServer

CATALOGUE = load(CONTEXTS)
SALES = CATALOGUE.projection("daily_sales")
BUILT, MORE = 40, 20  # orders


def prepare(database_url: str) -> None:
    """Two generations, the second one live and behind."""
    with connect(database_url, "test") as connection:
        append_orders(connection, BUILT, "built-")
        build.rebuild(connection, CATALOGUE, SALES)
        build.rebuild(connection, CATALOGUE, SALES)
        append_orders(connection, MORE, "more-")


@pytest.fixture(scope="module")
def prepared(server: SharedServer) -> Iterator[str]:
    with server.database() as url:
        prepare(url)
        yield url.rpartition("/")[2]


def require_right(connection: Connection) -> None:
    """Readers see every order up to the checkpoint, once; and it is not before those that they saw already."""
    reached = live(connection, SALES).checkpoint
    applied = value(connection, "SELECT count(*) FROM acci.events WHERE position <= %s", (reached,))
    assert value(connection, "SELECT sum(orders) FROM read.daily_sales") == applied >= BUILT


def go_on(connection: Connection) -> None:
    """Catch up with what came meanwhile, as soon as PostgreSQL has noticed that the killed run is gone."""

    def caught_up() -> bool:
        with suppress(Busy):
            catch_up(connection, CATALOGUE, SALES)
            return True
        return False

    wait_for(caught_up, 30, "the killed run's locks are gone")
    assert wrong_rows(connection, SALES) == 0


def finish(connection: Connection, database_url: str, run: Run) -> None:
    """The same again, to its end: nothing wrong, nothing left over."""
    append_orders(connection, MORE, "last-")
    interrupted = generations.building(connection, "daily_sales")

    def ended() -> bool:
        with suppress(Busy):
            run(database_url, CATALOGUE, SALES)
            return True
        return False

    wait_for(ended, 60, "the rerun ends")
    catch_up(connection, CATALOGUE, SALES)
    assert wrong_rows(connection, SALES) == 0
    assert rows_of(connection, SALES)
    assert generations.building(connection, "daily_sales") is None
    schemas = value(connection, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'generation%'")
    assert schemas == 1 + len(generations.kept(connection, "daily_sales"))
    if run is rebuild and interrupted is not None:
        assert live(connection, SALES).generation == interrupted.generation, "it was gone on with"


@pytest.mark.parametrize(("place", "run"), RUNS, ids=[str(place) for place, _ in RUNS])
def test_the_run_is_cut_off(server: SharedServer, prepared: str, place: Place, run: Run) -> None:
    with server.database(template=prepared) as url, connect(url, "test") as connection:
        proxy = CuttingProxy(url)
        proxy.cut(place.when, marks=place.marks)
        with pytest.raises((psycopg.OperationalError, AcciError)):
            run(proxy.url, CATALOGUE, SALES)
        assert not proxy.is_armed
        proxy.close()
        require_right(connection)
        go_on(connection)
        finish(connection, url, run)


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doomed]:
    server = Doomed(tmp_path_factory.mktemp("doomed"))
    try:
        server.start()
        server.create("prepared", "template1")
        migrate(server.url("prepared"))
        prepare(server.url("prepared"))
        yield server
    finally:
        server.stop()


def append_and_see(connection: Connection, place: Place, prefix: str) -> None:
    """Append orders and show them to readers; waiting for somebody else for long is an error."""
    connection.execute("SET statement_timeout = '20s'")
    append_orders(connection, 5, prefix)
    if place.publishing:
        with suppress(Busy):
            catch_up(connection, CATALOGUE, SALES)
    else:
        catch_up(connection, CATALOGUE, SALES)
        assert wrong_rows(connection, SALES) == 0


@pytest.mark.parametrize(("place", "run"), RUNS[::2], ids=[str(place) for place, _ in RUNS[::2]])
def test_postgresql_is_killed(doomed: Doomed, place: Place, run: Run) -> None:
    """At every other place: for PostgreSQL a lost connection and a restart have the same effect."""
    name = f"killed_{RUNS.index((place, run))}"
    doomed.create(name, "prepared")
    proxy = CuttingProxy(doomed.url(name))
    proxy.cut(place.when, doomed.kill, place.marks)
    with pytest.raises((psycopg.OperationalError, AcciError)):
        run(proxy.url, CATALOGUE, SALES)
    assert not proxy.is_armed
    proxy.close()
    doomed.start_again()
    with connect(doomed.url(name), "test") as connection:
        require_right(connection)
        go_on(connection)
        finish(connection, doomed.url(name), run)


def test_appends_and_live_catch_up_go_on_at_each_step(server: SharedServer, prepared: str) -> None:
    """While a rebuild is held at any step, orders are appended and become visible to readers.

    Except during the swap: then orders are appended, and a catch-up is refused at once as busy.
    """
    seen: list[Place] = []

    def meanwhile(place: Place, database_url: str) -> None:
        with connect(database_url, "live work") as connection:
            append_and_see(connection, place, f"at-{place.marks}-{place.when}-")
        seen.append(place)  # only if that worked: an error in the proxy's thread would go unnoticed

    with server.database(template=prepared) as url, connect(url, "test") as connection:
        proxy = CuttingProxy(url)
        for place in REBUILD:
            proxy.hold(place.when, place.marks, partial(meanwhile, place, url))
        rebuild(proxy.url, CATALOGUE, SALES)
        assert not proxy.is_armed
        assert sorted(map(str, seen)) == sorted(map(str, REBUILD))
        catch_up(connection, CATALOGUE, SALES)
        assert wrong_rows(connection, SALES) == 0
        assert live(connection, SALES).generation == 3
