"""The testing kit without a database: the reference engine alone, columns as the rules' values are."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from acci import Happened, given
from acci.domain.errors import CannotApply, DefinitionError
from acci.domain.events import EventData
from acci.domain.projections import FoldProjection, Projection, Upsert, add, count, maximum, on
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserUpdated
from acci.domain.users.user_view import UserView

ANN, BOB = UserCreated(email="ann@example.org", name="Ann"), UserCreated(email="bob@example.org", name="Bob")


class Sold(EventData):
    shop: str
    amount: Decimal


class Sales(Projection):
    key = ("shop",)

    @on(Sold)
    def sold(self, event: Any) -> Upsert:
        return Upsert(shop=event.data.shop, sales=count(), total=add(event.data.amount), last=maximum(event.timestamp))


def test_rows_by_the_columns_that_are_named() -> None:
    given(ANN, Happened(BOB, aggregate_id="2"), UserDeleted()).when_projected(UserView).then({"id": "2", "name": "Bob"})


def test_no_rows() -> None:
    given(ANN, UserDeleted()).when_projected(UserView).then()


def test_the_envelope_can_be_given_and_is_made_up_otherwise() -> None:
    at = datetime(2024, 5, 1, 12, tzinfo=UTC)
    projected = given(ANN, Happened(UserDeactivated(), timestamp=at, user_id="u"), UserUpdated(email="a@b", name="A"))
    rows = projected.when_projected(UserView).rows
    assert [row["updated_at"] for row in rows] == [datetime(2024, 5, 1, 12, 1, tzinfo=UTC)]
    assert [event.version for event in projected.events] == [1, 2, 3]


def test_defaults_where_there_is_no_table() -> None:
    sold = [Sold(shop="a", amount=Decimal("1.50")), Sold(shop="a", amount=Decimal(2))]
    given(*sold).when_projected(Sales, defaults={"sales": 10, "open": True}).then(
        {"shop": "a", "sales": 12, "total": Decimal("3.50"), "open": True}
    )


def test_a_row_that_is_missing_is_shown_beside_those_there_are() -> None:
    projected = given(ANN).when_projected(UserView)
    with pytest.raises(AssertionError, match=r"UserView has no row \{'name': 'Bob'\}[^$]*\n  \{.*'name': 'Ann'"):
        projected.then({"name": "Bob"})


def test_a_row_too_many_is_shown() -> None:
    with pytest.raises(AssertionError, match=r"UserView has rows that are not expected:\n  \{.*'Ann'"):
        given(ANN).when_projected(UserView).then()


def test_a_column_that_is_not_there_equals_nothing() -> None:
    with pytest.raises(AssertionError, match="has no row"):
        given(ANN).when_projected(UserView).then({"nickname": None})


def test_an_event_that_cannot_be_applied() -> None:
    huge = Sold.model_construct(shop="a", amount=None)
    with pytest.raises(CannotApply, match=r"sales cannot apply the Sold at position .*: the event has no data.amount"):
        given(huge).when_projected(Sales)


def test_a_fold_in_python_wants_its_table() -> None:
    class Shops(FoldProjection):
        key = ("tenant_id", "id")
        handles = (Sold,)

        def evolve(self, row: dict[str, Any] | None, event: Any) -> dict[str, Any]:
            return {"sales": (row or {"sales": 0})["sales"] + event.version}

    with pytest.raises(DefinitionError, match="Shops: only its table has its columns; give a database"):
        given(Sold(shop="a", amount=Decimal(1))).when_projected(Shops)
