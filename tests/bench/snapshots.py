"""What snapshots save: loading a long aggregate with a fresh one, beside replaying it; and what taking them costs."""

import time

from acci.domain.events import StreamId
from acci.store.aggregates.compaction import compact
from acci.store.aggregates.repository import Repository
from acci.store.log.bulk import append_in_bulk
from acci.store.log.event_store import EventStore
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Database, connect
from acci.store.registry import load
from tests.bench.ground import Ground
from tests.bench.rows import Row
from tests.bench.turns import medians
from tests.domains.bank.account import Account
from tests.domains.bank.histories import history, long_history

PROMISE = "≤ 0.02"
LONG = 10_000  # events of one account
MANY = 50_000  # events of many accounts, whose due snapshots are taken


def measure(ground: Ground, turns: int) -> list[Row]:
    """The ratio is to loading without a snapshot."""
    url = ground.database()
    catalogue, stream = load(["tests.domains.bank"]), StreamId("tenant-0", "Account", "long")
    with connect(url, "bench") as connection, Database(url) as database:
        append_in_bulk(connection, long_history(stream, LONG), PAYLOAD_LIMIT)
        connection.execute("ANALYZE acci.events")
        store = EventStore(database, catalogue)

        def seconds() -> float:
            begin = time.perf_counter()
            assert Repository(store).load(Account, stream).version == LONG
            return time.perf_counter() - begin

        replayed = medians({"replayed": seconds}, turns)["replayed"]
        compact(connection, catalogue, Account)
        assert Repository(store).load(Account, stream).snapshot_version == LONG
        with_snapshot = medians({"snapshot": seconds}, max(turns, 20))["snapshot"]

        append_in_bulk(connection, history(1, MANY), PAYLOAD_LIMIT)
        begin = time.perf_counter()
        taken = compact(connection, catalogue, Account).taken
        rate = taken / (time.perf_counter() - begin)
    return [
        Row(f"an aggregate of {LONG:,} events, replayed", replayed * 1000, "ms"),
        Row("with a fresh snapshot", with_snapshot * 1000, "ms", with_snapshot / replayed, PROMISE),
        Row(f"compaction, {taken:,} of the streams of {MANY:,} events due", rate, "snapshots/s"),
    ]
