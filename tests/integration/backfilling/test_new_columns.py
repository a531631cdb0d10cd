"""A new column, filled beside live work by a backfill; more than that needs a rebuild."""

from dataclasses import replace
from pathlib import Path

import pytest

from acci.domain.events import Event
from acci.domain.projections import Projection, Upsert, add, count, local_date, maximum, minimum, on
from acci.store.backfilling import backfill as backfilling
from acci.store.backfilling.new_columns import NotOnlyNewColumns
from acci.store.backfilling.selection import Choice
from acci.store.contract.changes import Verdict
from acci.store.contract.check import check
from acci.store.contract.document import contract_of
from acci.store.generations.fingerprints import RebuildNeeded
from acci.store.monitoring.status import read_status
from acci.store.postgres.database import Connection, connect
from acci.store.projecting.batches import Progress, catch_up
from acci.store.rebuilding import build
from acci.store.rebuilding.staleness import stale
from acci.store.registry import Catalogue
from tests.domains.orders import CONTEXT, DailySales, OrderPlaced
from tests.support.histories import append_orders
from tests.support.read_models import backfill, live, live_with_orders, rows_of, wrong_rows

TABLE = (CONTEXT.sql / "read_models" / "daily_sales.sql").read_text()


def widened(tmp_path: Path, table: str, amount: object = None) -> Catalogue:
    """The shop with a column more in daily_sales, by `table`, and perhaps another rule for the amount."""

    def placed(self: Projection, event: Event[OrderPlaced]) -> Upsert:
        return Upsert(
            day=local_date(event.timestamp, "Europe/Amsterdam"),
            orders=count(),
            amount=add(event.data.amount + 1 if amount else event.data.amount),
            largest=maximum(event.data.amount),
            smallest=minimum(event.data.amount),
        )

    projection = type("DailySales", (Projection,), {"key": DailySales.key, "placed": on(OrderPlaced)(placed)})
    folder = tmp_path / "read_models"
    folder.mkdir(exist_ok=True)
    (folder / "daily_sales.sql").write_text(table)
    return Catalogue((replace(CONTEXT, sql=tmp_path, projections=(projection,)),))


def with_column(definition: str = "smallest numeric(12,2)") -> str:
    return TABLE.replace("    PRIMARY KEY", f"    {definition},\n    PRIMARY KEY")


def said_by_contract(before: Catalogue, after: Catalogue) -> set[Verdict]:
    """What the contract says that the rows of daily_sales need, without a database."""
    changes = check(contract_of(before), after)
    return {each.verdict for each in changes if each.name == "daily_sales"} & {Verdict.BACKFILL, Verdict.REBUILD}


def test_only_a_new_column_is_filled_beside_live_work(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], tmp_path: Path, database_url: str
) -> None:
    append_orders(connection, 100, "first-")
    build.rebuild(connection, catalogue, sales)
    wider = widened(tmp_path, with_column())
    rules = wider.projection("daily_sales")
    assert said_by_contract(catalogue, wider) == {Verdict.BACKFILL}
    with pytest.raises(RebuildNeeded):
        catch_up(connection, wider, rules)

    def columns() -> list[str]:
        look = connection.execute("SELECT * FROM read.daily_sales", prepare=False)
        return [column.name for column in look.description or ()]

    assert backfilling.preview(connection, wider, rules, Choice(columns=("smallest",))) == len(
        rows_of(connection, sales)
    )
    assert "smallest" not in columns()
    begun = backfilling.begin(connection, wider, rules, Choice(columns=("smallest",)), 5)
    append_orders(connection, 50, "later-")
    catch_up(connection, wider, rules)
    assert "smallest" not in columns(), "readers never see a column that is half filled"

    done = backfilling.run_chunks(connection, wider, rules, begun)

    assert not done.missing
    assert columns()[-1] == "smallest"
    assert live(connection, sales).generation == 1, "without a rebuild"
    assert wrong_rows(connection, sales) == 0
    backfilled = rows_of(connection, sales)
    catch_up(connection, wider, rules)
    build.rebuild(connection, wider, rules)
    assert rows_of(connection, sales) == backfilled
    assert all(row[-1] is not None for row in backfilled)
    with pytest.raises(RebuildNeeded):
        catch_up(connection, catalogue, sales)


def test_an_interrupted_backfill_of_a_new_column_is_reported(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], tmp_path: Path, database_url: str
) -> None:
    live_with_orders(connection, catalogue, sales, 60)
    wider = widened(tmp_path, with_column())
    rules = wider.projection("daily_sales")

    def stop(progress: Progress) -> None:
        with connect(database_url, "other") as other:
            assert stale(other, wider) == {}, "somebody works on it"
            assert told(other) is not None
        raise KeyboardInterrupt

    def told(on: Connection) -> str | None:
        (status,) = read_status(on, wider).projections
        assert status.state == "live", "it is kept caught up"
        return status.backfill

    begun = backfilling.begin(connection, wider, rules, Choice(columns=("smallest",)), 5)
    with pytest.raises(KeyboardInterrupt):
        backfilling.run_chunks(connection, wider, rules, begun, report=stop)

    left = f"{len(begun.chunks) - 1} of {len(begun.chunks)} chunks are missing"
    (why,) = stale(connection, wider)["daily_sales"]
    assert why == told(connection) == f"backfill 1 of new column smallest is not finished: {left}"
    backfill(connection, wider, rules, Choice(columns=("smallest",)))
    assert (stale(connection, wider), told(connection)) == ({}, None)


@pytest.mark.parametrize(
    ("table", "amount", "says"),
    [
        (with_column().replace("orders    bigint", "orders    numeric(20,0)"), None, "column orders changes too"),
        (with_column() + "CREATE INDEX by_day ON daily_sales (day);", None, "index by_day is new too"),
        (with_column("smallest numeric(12,2), note text"), None, "column note is new too"),
        (with_column(), 1, "rule placed on OrderPlaced changed"),
    ],
)
def test_more_than_a_new_column_needs_a_rebuild(
    connection: Connection,
    catalogue: Catalogue,
    sales: type[Projection],
    tmp_path: Path,
    table: str,
    amount: object,
    says: str,
) -> None:
    live_with_orders(connection, catalogue, sales, 10)
    wider = widened(tmp_path, table, amount)
    both_named = "note" in table  # the contract names every new column; here one is left out
    assert said_by_contract(catalogue, wider) == {Verdict.BACKFILL if both_named else Verdict.REBUILD}
    with pytest.raises(NotOnlyNewColumns, match=says):
        backfill(connection, wider, wider.projection("daily_sales"), Choice(columns=("smallest",)))
    catch_up(connection, catalogue, sales)
    assert wrong_rows(connection, sales) == 0
