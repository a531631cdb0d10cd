"""The testing kit with a database: both engines, over the table of the SQL file, and nothing is left behind."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from acci import Happened, given
from acci.domain.errors import CannotApply, DefinitionError
from acci.domain.events import EventData
from acci.domain.projections import FoldProjection, Projection, Upsert, add, count, on
from acci.domain.users.events import UserDeleted, UserUpdated
from acci.domain.users.user_view import UserView
from tests.unit.test_testing_kit import ANN, BOB, Sold


class Sales(Projection):
    key = ("shop",)

    @on(Sold)
    def sold(self, event: Any) -> Upsert:
        return Upsert(shop=event.data.shop, sales=count(), total=add(event.data.amount))


class Longest(FoldProjection):
    """The shops of a tenant, longest name first."""

    key = ("tenant_id",)
    handles = (Sold,)

    def keys(self, event: Any) -> list[tuple[Any, ...]]:
        return [(event.tenant_id,)]

    def evolve(self, row: dict[str, Any] | None, event: Any) -> dict[str, Any]:
        shops = {*(row or {"shops": []})["shops"], event.data.shop}
        return {"shops": sorted(shops, key=len, reverse=True), "total": event.data.amount}


SALES = (
    "CREATE TABLE sales (shop text PRIMARY KEY, sales integer DEFAULT 0, total numeric(8,1), since integer DEFAULT 7)"
)
LONGEST = "CREATE TABLE longest (tenant_id text PRIMARY KEY, shops jsonb, total numeric(8,1))"


def sold(*sales: tuple[str, str]) -> list[EventData]:
    return [Sold(shop=shop, amount=Decimal(amount)) for shop, amount in sales]


def test_the_example_of_the_kit(database_url: str) -> None:
    (
        given(ANN, Happened(BOB, aggregate_id="2"), UserUpdated(email="a@example.org", name="Anna"), UserDeleted())
        .when_projected(UserView, database_url)
        .then({"id": "2", "name": "Bob", "status": "active"})
    )


def test_the_table_converts_and_has_defaults(database_url: str) -> None:
    history = given(*sold(("a", "1.25"), ("b", "0"), ("a", "1.25")))
    projected = history.when_projected(Sales, database_url, table=SALES)
    projected.then({"shop": "a", "sales": 2, "total": Decimal("2.6")}, {"shop": "b", "since": 7})
    assert [str(row["total"]) for row in projected.rows] == ["2.6", "0.0"]


def test_a_fold_in_python(database_url: str) -> None:
    history = given(*sold(("a", "1"), ("long", "2.25"), ("mid", "3")))
    history.when_projected(Longest, database_url, table=LONGEST).then({"shops": ["long", "mid", "a"], "total": 3})


def test_the_kit_leaves_nothing_in_the_database(database_url: str) -> None:
    given(ANN).when_projected(UserView, database_url).then({"name": "Ann"})
    with psycopg.connect(database_url) as connection:
        events = connection.execute("SELECT count(*) FROM acci.events").fetchone()
        schemas = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^generation'").fetchone()
    assert (events, schemas) == ((0,), (0,))


def test_a_row_that_the_table_refuses_is_an_error(database_url: str) -> None:
    table = SALES.replace("total numeric(8,1)", "total numeric(8,1) CHECK (total < 5)")
    with pytest.raises(CannotApply, match="violates check constraint"):
        given(*sold(("a", "9"))).when_projected(Sales, database_url, table=table)


def test_a_projection_that_no_context_registers(database_url: str) -> None:
    with pytest.raises(DefinitionError, match="Sales: no CONTEXT above its module has it"):
        given(*sold(("a", "9"))).when_projected(Sales, database_url)


class Doubling(FoldProjection):
    """Not pure: it counts what it sees, so the way it is batched shows."""

    key = ("tenant_id",)
    handles = (Sold,)
    seen = 0

    def keys(self, event: Any) -> list[tuple[Any, ...]]:
        return [(event.tenant_id,)]

    def evolve(self, row: dict[str, Any] | None, event: Any) -> dict[str, Any]:
        type(self).seen += 1
        return {"total": Decimal(self.seen), "shops": [event.data.shop, row and row["total"]]}


def test_engines_that_disagree_are_shown_side_by_side(database_url: str) -> None:
    table = LONGEST.replace("longest", "doubling")
    with pytest.raises(AssertionError, match=r"Doubling: the engines disagree[^$]*compiled, in one batch:\n"):
        given(*sold(("a", "1"))).when_projected(Doubling, database_url, table=table)
