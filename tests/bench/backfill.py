"""The cost of a backfill: a hundredth of the keys re-derived, beside a rebuild of them all."""

import time
from functools import partial

from psycopg import sql

from acci.domain.projections import Projection
from acci.domain.users.user_view import UserView
from acci.store.backfilling import backfill as backfilling
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations
from acci.store.postgres.database import connect
from tests.bench.activity import UserRows
from tests.bench.ground import CATALOGUE, Ground
from tests.bench.rebuild import rebuild
from tests.bench.rows import Row
from tests.bench.turns import medians

PROMISE = "≤ 0.25"
ONE_IN = 100


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """The ratio is to a rebuild of the same."""
    url = ground.history(events)
    return [row for projection in (UserView, UserRows) for row in _beside_rebuild(url, projection, turns)]


def _beside_rebuild(url: str, projection: type[Projection], turns: int) -> list[Row]:
    ways = {"rebuild": partial(rebuild, url, projection), "backfill": partial(backfill, url, projection)}
    taken = medians(ways, turns)
    ratio = taken["backfill"] / taken["rebuild"]
    return [
        Row(f"{projection.name}, rebuilt", taken["rebuild"], "s"),
        Row(f"{projection.name}, one key in {ONE_IN} re-derived", taken["backfill"], "s", ratio, PROMISE),
    ]


def backfill(url: str, projection: type[Projection]) -> float:
    """The seconds to re-derive every hundredth key of the live read model."""
    with connect(url, "bench") as connection:
        live = generations.live(connection, projection.name)
        assert live is not None
        query = sql.SQL("SELECT tenant_id, id FROM {} WHERE abs(hashtext(id)) % {} = 0").format(
            sql.Identifier(live.schema, projection.name), sql.Literal(ONE_IN)
        )
        keys = tuple((tenant, key) for tenant, key in connection.execute(query).fetchall())
        begin = time.perf_counter()
        begun = backfilling.begin(connection, CATALOGUE, projection, Choice(keys=keys))
        assert not backfilling.run_chunks(connection, CATALOGUE, projection, begun).missing
        return time.perf_counter() - begin
