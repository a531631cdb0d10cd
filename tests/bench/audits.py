"""The cost of an audit: a whole read model re-derived and compared, beside a rebuild of it."""

import time
from functools import partial

from acci.domain.projections import Projection
from acci.domain.users.user_view import UserView
from acci.store.auditing.audit import all_checks, audit
from acci.store.postgres.database import connect
from tests.bench import rebuild
from tests.bench.activity import ActivityByDay, UserRows
from tests.bench.ground import CATALOGUE, Ground
from tests.bench.rows import Row
from tests.bench.turns import medians

PROMISE = "≤ 2"


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """The ratio is to a rebuild of the same."""
    url = ground.history(events)
    return [
        row for projection in (UserView, UserRows, ActivityByDay) for row in _beside_rebuild(url, projection, turns)
    ]


def _beside_rebuild(url: str, projection: type[Projection], turns: int) -> list[Row]:
    ways = {"rebuild": partial(rebuild.rebuild, url, projection), "audit": partial(_audit, url, projection)}
    taken = medians(ways, turns)
    ratio = taken["audit"] / taken["rebuild"]
    return [
        Row(f"{projection.name}, rebuilt", taken["rebuild"], "s"),
        Row(f"{projection.name}, re-derived and compared", taken["audit"], "s", ratio, PROMISE),
    ]


def _audit(url: str, projection: type[Projection]) -> float:
    with connect(url, "bench") as connection:
        begin = time.perf_counter()
        done = audit(connection, CATALOGUE, all_checks(CATALOGUE)["rows"], projection.name)
        assert (done.found, done.left_out) == ((), None)
        return time.perf_counter() - begin
