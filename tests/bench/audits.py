"""What proof costs: deriving anew and comparing, beside a rebuild; loading with a snapshot, beside replaying."""

import time
from functools import partial

from domain.events import StreamId
from domain.projections import Projection
from domain.users.user_view import UserView
from store.auditing.auditing import all_checks, audit
from store.bulk import append_in_bulk
from store.catalogue import load
from store.compacting import compact
from store.database import Database, connect
from store.events import EventStore
from store.payloads import PAYLOAD_LIMIT
from tests.bank.account import Account
from tests.bank.histories import long_history
from tests.bench import rebuild
from tests.bench.activity import ActivityByDay, UserRows
from tests.bench.ground import CATALOGUE, Ground
from tests.bench.rows import Row
from tests.bench.turns import medians

PROMISE, SNAPSHOT_PROMISE = "≤ 2", "≤ 0.02"
LONG = 10_000  # events of one account


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """The audit's ratio is to a rebuild of the same; the snapshot's to loading without."""
    url = ground.history(events)
    return [
        row for projection in (UserView, UserRows, ActivityByDay) for row in _beside_rebuild(url, projection, turns)
    ] + _loading(ground.database(), turns)


def _beside_rebuild(url: str, projection: type[Projection], turns: int) -> list[Row]:
    ways = {"rebuild": partial(rebuild.rebuild, url, projection), "audit": partial(_audit, url, projection)}
    taken = medians(ways, turns)
    ratio = taken["audit"] / taken["rebuild"]
    return [
        Row(f"{projection.name}, rebuilt", taken["rebuild"], "s"),
        Row(f"{projection.name}, derived anew and compared", taken["audit"], "s", ratio, PROMISE),
    ]


def _audit(url: str, projection: type[Projection]) -> float:
    with connect(url, "bench") as connection:
        begin = time.perf_counter()
        done = audit(connection, CATALOGUE, all_checks(CATALOGUE)["rows"], projection.name)
        assert (done.found, done.left_out) == ((), None)
        return time.perf_counter() - begin


def _loading(url: str, turns: int) -> list[Row]:
    catalogue, stream = load(["tests.bank"]), StreamId("tenant-0", "Account", "long")
    with connect(url, "bench") as connection, Database(url) as database:
        append_in_bulk(connection, long_history(stream, LONG), PAYLOAD_LIMIT)
        store = EventStore(database, catalogue)

        def seconds() -> float:
            begin = time.perf_counter()
            assert store.load(Account, stream).version == LONG
            return time.perf_counter() - begin

        replayed = medians({"replayed": seconds}, turns)["replayed"]
        compact(connection, catalogue, Account)
        seconds()
        with_snapshot = medians({"snapshot": seconds}, max(turns, 20))["snapshot"]
    return [
        Row(f"an aggregate of {LONG:,} events, replayed", replayed * 1000, "ms"),
        Row("with a fresh snapshot", with_snapshot * 1000, "ms", with_snapshot / replayed, SNAPSHOT_PROMISE),
    ]
