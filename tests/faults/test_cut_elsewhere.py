"""Catch-up, retries, audit, repair and sealing cut off at each step: what was committed stays, a rerun ends it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from acci.domain.errors import AcciError
from acci.store.auditing import repair
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import WHOLE
from acci.store.generations.generations import Busy
from acci.store.log import seals
from acci.store.postgres.database import Connection, connect
from acci.store.projecting import dead_letters
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.cutting import CuttingProxy, When
from tests.support.histories import append_orders, append_users, value
from tests.support.prefect_server import wait_for
from tests.support.read_models import CONTEXTS, wrong_rows
from tests.support.servers import SharedServer

CATALOGUE = load(CONTEXTS)
SALES, TOTALS = CATALOGUE.projection("daily_sales"), CATALOGUE.projection("order_totals")
COMMIT = b"COMMIT"
Work = Callable[[Connection], object]


@dataclass(frozen=True)
class Cut:
    """What is at work, and the statements by the last of which its connection ends."""

    name: str
    work: Work
    when: When
    marks: tuple[bytes, ...]


def caught_up(connection: Connection) -> object:
    return catch_up(connection, CATALOGUE, SALES, 10)


def retried(connection: Connection) -> object:
    return dead_letters.retry(connection, CATALOGUE, TOTALS)


def repaired(connection: Connection) -> object:
    for check, name in chosen(CATALOGUE, ["rows"], "daily_sales"):
        audit(connection, CATALOGUE, check, name, WHOLE)
    return repair.repair(connection, CATALOGUE, "daily_sales")


def sealed(connection: Connection) -> object:
    return seals.seal(connection, 10)


ADVANCE, DERIVED, SEALED = b"UPDATE acci.generations", b"DELETE FROM acci.parked_keys", b"INSERT INTO acci.seals"
CUTS = (
    Cut("catch-up: the checkpoint is locked", caught_up, "after", (b"FOR UPDATE",)),
    Cut("catch-up: before the rows are merged", caught_up, "before", (b"MERGE INTO generation_",)),
    Cut("catch-up: rows are merged, not committed", caught_up, "after", (b"MERGE INTO generation_",)),
    Cut("catch-up: the checkpoint is moved, not committed", caught_up, "after", (ADVANCE,)),
    Cut("catch-up: before the commit", caught_up, "before", (ADVANCE, COMMIT)),
    Cut("catch-up: committed, and nobody heard", caught_up, "after", (ADVANCE, COMMIT)),
    Cut("retry: rows are derived, keys still parked", retried, "before", (DERIVED,)),
    Cut("retry: keys are released, not committed", retried, "after", (DERIVED,)),
    Cut("retry: committed, and nobody heard", retried, "after", (DERIVED, COMMIT)),
    Cut("audit: what was found is kept, and nobody heard", repaired, "after", (b"INSERT INTO acci.findings",)),
    Cut("repair: rows are derived, not committed", repaired, "after", (b"DELETE FROM generation_",)),
    Cut("seal: before the commit", sealed, "before", (SEALED, COMMIT)),
    Cut("seal: committed, and nobody heard", sealed, "after", (SEALED, COMMIT)),
)


@pytest.fixture(scope="module")
def prepared(server: SharedServer) -> Iterator[str]:
    """Something to do for each: sales are behind and wrong in a row, an order's key is parked."""
    with server.database() as url:
        with connect(url, "test") as connection:
            append_users(connection, 20)
            append_orders(connection, 30, "built-")
            for name in ("user_view", "daily_sales", "order_totals"):
                build.rebuild(connection, CATALOGUE, CATALOGUE.projection(name))
            connection.execute(
                "INSERT INTO acci.parked_keys"
                " SELECT g.generation, ARRAY[e.tenant_id, e.aggregate_id], e.position FROM acci.generations AS g,"
                " acci.events AS e WHERE g.projection = 'order_totals' AND e.aggregate_id = 'built-1'"
            )
            connection.execute("UPDATE read.daily_sales SET orders = orders + 1 WHERE tenant_id = 'tenant-0'")
            append_orders(connection, 30, "more-")
        yield url.rpartition("/")[2]


@pytest.mark.parametrize("cut", CUTS, ids=[cut.name for cut in CUTS])
def test_cut_off(server: SharedServer, prepared: str, cut: Cut) -> None:
    with server.database(template=prepared) as url, connect(url, "test") as connection:
        proxy = CuttingProxy(url)
        proxy.cut(cut.when, marks=cut.marks)
        with pytest.raises((psycopg.OperationalError, AcciError)), connect(proxy.url, "doomed", "administer") as doomed:
            cut.work(doomed)
        assert not proxy.is_armed
        proxy.close()

        def done_again() -> bool:
            try:
                for work in (repaired, caught_up, retried, sealed):
                    work(connection)
            except Busy:
                return False
            return True

        wait_for(done_again, 30, "the server has noticed that the connection is gone")
        assert wrong_rows(connection, SALES) == 0
        assert value(connection, "SELECT count(*) FROM acci.parked_keys") == 0
        for check, name in [*chosen(CATALOGUE, ["rows"], "order_totals"), *chosen(CATALOGUE, ["rows"], "daily_sales")]:
            assert audit(connection, CATALOGUE, check, name, WHOLE).found == ()
        assert value(connection, "SELECT sum(upto - after) = max(upto) FROM acci.seals")
