"""Folding depends on the order in which events come: no plan may lose it, and no lack of memory."""

from collections.abc import Iterator
from typing import Any

import pytest

from acci.store.compiling.statements import Compiled, Scope
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.batches import BATCH_SIZE
from acci.store.projecting.prewarm import read_ahead
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.histories import append_users, value
from tests.support.read_models import CONTEXTS, live, wrong_rows

SCOPES = [
    Scope(partitioned=partitioned, careful=careful, rare=rare)
    for partitioned in (False, True)
    for careful in (False, True)
    for rare in (False, True)
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
    append_users(connection, 300)
    build.rebuild(connection, catalogue, projection)
    if analyzed:
        connection.execute("VACUUM ANALYZE acci.events")
    compiled = Compiled(projection, live(connection, projection).read_model(connection))
    found = 0
    for text in (make(scope) for scope in SCOPES for make in (compiled.fill, compiled.apply)):
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
    compiled = Compiled(users, generation.read_model(connection))
    upto = value(connection, "SELECT max(position) FROM acci.events")
    assert upto > BATCH_SIZE
    for scope in (Scope(), Scope(rare=True)):
        with connection.transaction(force_rollback=True):
            connection.execute(sql("projecting/session:settings"), {"work_mem": "64kB"})
            connection.execute(compiled.apply(scope).encode(), {"after": 0, "upto": upto})
            assert value(connection, "SELECT count(*) FROM read.user_view") > 10_000
            assert wrong_rows(connection, users) == 0


def test_what_is_read_backwards_is_read_forwards_before(connection: Connection) -> None:
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
