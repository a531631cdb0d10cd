"""A small shop, as a domain of its own: projections that count, sum and fail, for the tests of the engine."""

from decimal import Decimal
from pathlib import Path

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import (
    FoldProjection,
    Insert,
    Projection,
    Update,
    Upsert,
    add,
    cast,
    count,
    local_date,
    maximum,
    on,
)
from acci.domain.projections.python_folds import Row


class OrderPlaced(EventData):
    customer: str
    amount: Decimal


class ItemAdded(EventData):
    amount: Decimal
    quantity: str = "1"  # text in the payload: what is no number cannot be applied


class OrderTotals(Projection):
    """Every order with its total; an item whose quantity is no number cannot be applied."""

    key = ("tenant_id", "id")

    @on(OrderPlaced)
    def placed(self, event: Event[OrderPlaced]) -> Insert:
        return Insert(customer=event.data.customer, total=event.data.amount, items=0)

    @on(ItemAdded)
    def item(self, event: Event[ItemAdded]) -> Update:
        return Update(total=add(event.data.amount), items=add(cast(event.data.quantity, int)))


class DailySales(Projection):
    """What was ordered on each day in each tenant's zone: one row for many streams."""

    key = ("tenant_id", "day")

    @on(OrderPlaced)
    def placed(self, event: Event[OrderPlaced]) -> Upsert:
        return Upsert(
            day=local_date(event.timestamp, "Europe/Amsterdam"),
            orders=count(),
            amount=add(event.data.amount),
            largest=maximum(event.data.amount),
        )


class LargestItems(FoldProjection):
    """The three largest items of each order: a list in a row, which no verb can fold."""

    key = ("tenant_id", "id")
    handles = (OrderPlaced, ItemAdded)

    def evolve(self, row: Row | None, event: Event[OrderPlaced] | Event[ItemAdded]) -> Row | None:
        if isinstance(event.data, OrderPlaced):
            return {"customer": event.data.customer, "largest": []}
        if row is None:
            return None
        if event.data.amount < 0:
            raise ValueError("an item costs something")
        largest = sorted([*row["largest"], str(event.data.amount)], key=Decimal, reverse=True)
        return row | {"largest": largest[:3]}


CONTEXT = Context(
    name="orders",
    sql=Path(__file__).parent / "sql",
    events=(OrderPlaced, ItemAdded),
    projections=(OrderTotals, DailySales, LargestItems),
)
