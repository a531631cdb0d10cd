"""Folding depends on the order of events: no query plan and no lack of memory may change it."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from acci.store.compiling import statements
from acci.store.compiling.request import Request
from acci.store.compiling.scope import Scope
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.batches import BATCH_SIZE
from acci.store.projecting.prewarm import read_ahead
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.histories import append_users, value
from tests.support.read_models import CONTEXTS, live, live_with_users, wrong_rows

SCOPES = [
    Scope(partitioned=partitioned, skip_parked=skip_parked, few_events=few_events)
    for partitioned in (False, True)
    for skip_parked in (False, True)
    for few_events in (False, True)
]
EVERYTHING = {"after": 0, "upto": 10**9, "partition": 0, "partitions": 2, "generation": 0, "skipped": [1]}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("name", ["user_view", "daily_sales", "order_totals"])
def test_keys_are_grouped_by_hashing(connection: Connection, name: str, analyzed: bool) -> None:
    catalogue = load(CONTEXTS)
    projection = catalogue.projection(name)
    live_with_users(connection, catalogue, projection, 300)
    if analyzed:
        connection.execute("VACUUM ANALYZE acci.events")
    read_model = live(connection, projection).read_model(connection)
    found = 0
    for scope, table_is_empty in itertools.product(SCOPES, (True, False)):
        text = statements.apply(Request(projection, read_model, scope=scope, table_is_empty=table_is_empty))
        with connection.transaction():
            connection.execute(sql("projecting/session:settings"), {"work_mem": "64kB"})
            plan = value(connection, f"EXPLAIN (FORMAT JSON) {text}", EVERYTHING)
        for node in nodes(plan[0]["Plan"]):
            if "Group Key" in node:
                found += 1
                assert node["Strategy"] == "Hashed", node
    assert found >= 2 * len(SCOPES)


def test_the_last_value_wins_also_when_the_keys_do_not_fit_into_memory(connection: Connection) -> None:
    catalogue = load(CONTEXTS)
    users = catalogue.projection("user_view")
    build.rebuild(connection, catalogue, users)
    append_users(connection, 20_000)
    generation = live(connection, users)
    read_model = generation.read_model(connection)
    upto = value(connection, "SELECT max(position) FROM acci.events")
    assert upto > BATCH_SIZE
    for scope in (Scope(), Scope(few_events=True)):
        with connection.transaction(force_rollback=True):
            connection.execute(sql("projecting/session:settings"), {"work_mem": "64kB"})
            text = statements.apply(Request(users, read_model, scope=scope))
            connection.execute(text.encode(), {"after": 0, "upto": upto})
            assert value(connection, "SELECT count(*) FROM read.user_view") > 10_000
            assert wrong_rows(connection, users) == 0


def test_a_range_is_prefetched_forwards_before_it_is_read_backwards(connection: Connection) -> None:
    append_users(connection, 500)
    last = value(connection, "SELECT max(position) FROM acci.events")
    parameters = {"after": 10, "upto": last}
    events = value(connection, "SELECT count(*) FROM acci.events WHERE position > 10")
    with connection.transaction():
        connection.execute(sql("projecting/session:settings"), {"work_mem": "64kB"})
        read = connection.execute(sql("projecting/prewarm:read"), parameters).fetchone()
        (plan,) = value(connection, f"EXPLAIN (FORMAT JSON) {sql('projecting/prewarm:read')}", parameters)
    assert read == (events, events)
    found = list(nodes(plan["Plan"]))
    assert "Tid Range Scan" in {node["Node Type"] for node in found}
    whole = [node for node in found if " AND " in node.get("Index Cond", "")]
    assert [node["Scan Direction"] for node in whole] == ["Forward"]
    read_ahead(connection, 0, last)
