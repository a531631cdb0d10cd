"""The gate: what is wrong with a new generation is found before readers see it, and said."""

import pytest
from psycopg import sql

from acci.domain.projections import Projection
from acci.store.generations import generations, lifecycle
from acci.store.postgres.database import Connection
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build, gate, new_generation, publish
from acci.store.rebuilding.gate import Check, GateClosed, GateThresholds, Verdict
from acci.store.registry import Catalogue
from tests.support.histories import append_bad_order, append_orders, append_users
from tests.support.read_models import built, changed_users, live, live_with_orders, live_with_users, rows_of, wrong_rows


@pytest.fixture(params=["user_view", "daily_sales", "order_totals", "largest_items"])
def projection(request: pytest.FixtureRequest, catalogue: Catalogue) -> type[Projection]:
    return catalogue.projection(request.param)


def failed(verdict: Verdict) -> set[str]:
    return {check.check for check in verdict.checks if not check.passed}


def test_a_sound_generation_passes(connection: Connection, catalogue: Catalogue, projection: type[Projection]) -> None:
    append_users(connection, 60)
    append_orders(connection, 60)
    first = gate.inspect(connection, catalogue, projection, built(connection, catalogue, projection))
    assert first.objections == ()
    assert first.comparison is None
    build.rebuild(connection, catalogue, projection)

    again = gate.inspect(connection, catalogue, projection, built(connection, catalogue, projection))

    assert again.objections == ()
    found = again.comparison
    assert found is not None
    assert (found.added, found.removed, found.changed, found.columns) == (0, 0, 0, {})
    assert found.live == len(rows_of(connection, projection)) > 0
    again.require()


def test_rows_that_later_events_affect_are_no_difference(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    """The live generation may be behind the new one, or ahead."""
    append_orders(connection, 50, "early-")
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 20, "late-")
    ahead = gate.inspect(connection, catalogue, sales, built(connection, catalogue, sales))
    assert ahead.comparison is not None
    assert ahead.comparison.moving > 0
    assert ahead.objections == ()
    assert f"Not compared: {ahead.comparison.moving} keys" in ahead.checks[-1].found

    append_orders(connection, 30, "later-")
    catch_up(connection, catalogue, sales)
    building = generations.building(connection, sales.name)
    assert building is not None
    behind = gate.inspect(connection, catalogue, sales, building)
    assert behind.comparison is not None
    assert behind.comparison.moving > 0
    assert behind.objections == ()


def test_rows_that_no_later_event_affects_are_compared(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    live_with_users(connection, catalogue, users, 60)
    behind = len(rows_of(connection, users))
    append_users(connection, 20, first=61)
    generation = built(connection, catalogue, users)
    ahead = len(rows_of(connection, users, generation.schema))
    table = sql.Identifier(generation.schema, "user_view")
    connection.execute(sql.SQL("UPDATE {} SET name = name || '?'").format(table))

    for settled, first in ((behind, 81), (ahead, 101)):
        found = gate.inspect(connection, catalogue, users, generation).comparison
        assert found is not None
        assert found.moving > 0
        assert (found.live, found.changed, found.columns) == (settled, settled, {"name": settled})
        append_users(connection, 20, first)
        catch_up(connection, catalogue, users)


@pytest.mark.parametrize(
    ("corruption", "caught"),
    [
        ("DELETE FROM {} WHERE (tenant_id, day) = (SELECT tenant_id, day FROM {} LIMIT 1)", "control totals"),
        ("UPDATE {} SET orders = orders * 2 WHERE tenant_id = 'tenant-1'", "control totals"),
        ("UPDATE {} SET amount = amount + 1 WHERE tenant_id = 'tenant-2'", "control totals"),
        ("INSERT INTO {} VALUES ('tenant-9', '1999-12-31', 0, 0, 0)", "control totals"),
        ("UPDATE {} SET largest = largest + 1", "sample"),
        ("UPDATE {} SET largest = NULL", "sample"),
        ("UPDATE {} SET tenant_id = 'tenant-9' WHERE tenant_id = 'tenant-1'", "sample"),
        ("ALTER TABLE {} ADD COLUMN note text", "table"),
        ("DROP INDEX IF EXISTS nothing; ALTER TABLE {} ALTER COLUMN amount DROP NOT NULL", "table"),
    ],
)
def test_a_corrupted_generation_is_stopped(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], corruption: str, caught: str
) -> None:
    live_with_orders(connection, catalogue, sales, 60)
    generation = built(connection, catalogue, sales)
    connection.execute(corruption.replace("{}", f"{generation.schema}.daily_sales").encode(), prepare=False)

    with pytest.raises(GateClosed) as closed:
        gate.inspect(connection, catalogue, sales, generation, GateThresholds(changes=100)).require()

    assert caught in failed(gate.inspect(connection, catalogue, sales, generation, GateThresholds(changes=100)))
    assert str(closed.value).startswith(f"Generation {generation.generation} of daily_sales was not published")
    assert "\n" not in str(closed.value)
    assert live(connection, sales).generation == 1
    assert wrong_rows(connection, sales) == 0


def test_a_partition_that_was_left_out_is_stopped(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    append_users(connection, 200)
    generation, parts = new_generation.begin(connection, catalogue, users, 2)
    new_generation.fill(connection, users, generation, parts[0])
    connection.execute("UPDATE acci.partitions SET checkpoint = target")
    finished = new_generation.finish(connection, users, generation)
    assert {"control totals", "sample"} <= failed(gate.inspect(connection, catalogue, users, finished))


def test_a_row_without_events_is_noticed_in_a_small_table(connection: Connection, catalogue: Catalogue) -> None:
    items = catalogue.projection("largest_items")
    append_orders(connection, 5)
    generation = built(connection, catalogue, items)
    table = sql.Identifier(generation.schema, "largest_items")
    connection.execute(sql.SQL("INSERT INTO {} VALUES ('tenant-9', 'made up', 'Eve', '[]')").format(table))
    assert failed(gate.inspect(connection, catalogue, items, generation)) == {"sample"}


def test_a_missing_row_of_rare_events_is_noticed(connection: Connection, catalogue: Catalogue) -> None:
    """Of a fold in Python, which has no control totals, in a log that is nearly all of other events."""
    items = catalogue.projection("largest_items")
    append_orders(connection, 2)
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           SELECT now(), gen_random_uuid(), n, 't', 'User', 'p', 'UserUpdated', '{}', '{}'
           FROM generate_series(1, 50000) AS n"""
    )
    generation = built(connection, catalogue, items)
    assert failed(gate.inspect(connection, catalogue, items, generation)) == set()
    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(generation.schema, "largest_items")))
    assert failed(gate.inspect(connection, catalogue, items, generation)) == {"sample"}


def test_wrong_rules_are_stopped_by_what_they_would_change(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    live_with_users(connection, catalogue, users, 60)
    changed = changed_users()
    generation = built(connection, catalogue, changed)

    verdict = gate.inspect(connection, catalogue, changed, generation)

    assert failed(verdict) == {"changes"}
    assert verdict.only_changes_too_much
    (objection,) = verdict.objections
    assert "email in" in objection
    needed = int(objection.partition("allow it with `--changes-allowed ")[2].partition("`")[0])
    assert gate.inspect(connection, catalogue, changed, generation, GateThresholds(changes=needed)).objections == ()
    assert gate.inspect(connection, catalogue, changed, generation, GateThresholds(changes=needed - 1)).objections
    found = verdict.comparison
    assert found is not None
    assert found.columns["email"] == found.changed
    assert found.added > 0, "users are no longer deleted"
    assert gate.inspect(connection, catalogue, changed, generation, GateThresholds(changes=100)).objections == ()


def test_dead_letters_are_stopped_unless_allowed(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    append_orders(connection, 20)
    append_bad_order(connection)
    generation = built(connection, catalogue, sales)
    verdict = gate.inspect(connection, catalogue, sales, generation)
    assert failed(verdict) == {"dead letters"}
    allowed = GateThresholds(dead_letters=True, changes=100, sample=0)
    assert gate.inspect(connection, catalogue, sales, generation, allowed).objections == ()
    table = sql.Identifier(generation.schema, "daily_sales")
    connection.execute(sql.SQL("DELETE FROM {table} WHERE day = (SELECT min(day) FROM {table})").format(table=table))
    totals = [each for each in gate.inspect(connection, catalogue, sales, generation, allowed).checks
              if each.check == "control totals"]  # fmt: skip
    assert not any(each.passed for each in totals)
    assert all("1 keys parked behind dead letters left out" in each.found for each in totals)


def test_a_failed_expectation_is_stopped(connection: Connection, catalogue: Catalogue, users: type[Projection]) -> None:
    append_users(connection, 5)
    further = [Check("quality", False, "3 emails have no @.")]
    verdict = gate.inspect(connection, catalogue, users, built(connection, catalogue, users), further=further)
    with pytest.raises(GateClosed, match="3 emails have no @"):
        verdict.require()


def test_a_rejected_generation_is_not_resumed(
    connection: Connection, catalogue: Catalogue, sales: type[Projection]
) -> None:
    append_orders(connection, 30)
    generation = built(connection, catalogue, sales)
    table = sql.Identifier(generation.schema, "daily_sales")
    connection.execute(sql.SQL("DELETE FROM {}").format(table))
    lifecycle.reject(connection, generation)
    assert [each.generation for each in generations.rejected(connection, "daily_sales")] == [generation.generation]

    build.rebuild(connection, catalogue, sales)

    assert live(connection, sales).generation == generation.generation + 1
    assert wrong_rows(connection, sales) == 0
    assert generations.rejected(connection, "daily_sales") == ()


def test_a_closed_gate_publishes_nothing(connection: Connection, catalogue: Catalogue, sales: type[Projection]) -> None:
    append_orders(connection, 30)

    def close(built: build.Build, _: build.StepContext) -> build.Build:
        raise GateClosed("daily_sales", built.generation.generation, ("No.",))

    with pytest.raises(GateClosed):
        build.rebuild(
            connection, catalogue, sales, steps=[close if step is build.check else step for step in build.STEPS]
        )
    assert generations.live(connection, "daily_sales") is None
    building = generations.building(connection, "daily_sales")
    assert building is not None
    publish.publish(connection, sales, building)
    assert wrong_rows(connection, sales) == 0
