"""An order ends once: shipped or cancelled."""

from typing import ClassVar, Literal, Self

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.errors import Refused
from acci.domain.events import Event
from tests.domains.fulfilment.events import OrderCancelled, OrderPlaced, OrderShipped


class OrderCommand(CommandData):
    aggregate_id_field: ClassVar[str] = "order"

    order: str


class PlaceOrder(OrderCommand):
    product: str
    quantity: int
    amount: int


class ShipOrder(OrderCommand):
    pass


class CancelOrder(OrderCommand):
    reason: str


class Order(Aggregate):
    status: Literal["none", "placed", "shipped", "cancelled"] = "none"

    @decides(PlaceOrder)
    def place(self, command: Command[PlaceOrder]) -> OrderPlaced:
        if self.status != "none":
            raise Refused("the order exists already.")
        wanted = command.data
        return OrderPlaced(product=wanted.product, quantity=wanted.quantity, amount=wanted.amount)

    @decides(ShipOrder)
    def ship(self, _: Command[ShipOrder]) -> OrderShipped | None:
        if self.status not in ("placed", "shipped"):
            raise Refused(f"the order is {self.status}.")
        return OrderShipped() if self.status == "placed" else None

    @decides(CancelOrder)
    def cancel(self, command: Command[CancelOrder]) -> OrderCancelled | None:
        if self.status not in ("placed", "cancelled"):
            raise Refused(f"the order is {self.status}.")
        return OrderCancelled(reason=command.data.reason) if self.status == "placed" else None

    @evolves(OrderPlaced)
    def placed(self, _: Event[OrderPlaced]) -> Self:
        return self.changed(status="placed")

    @evolves(OrderShipped)
    def shipped(self, _: Event[OrderShipped]) -> Self:
        return self.changed(status="shipped")

    @evolves(OrderCancelled)
    def cancelled(self, _: Event[OrderCancelled]) -> Self:
        return self.changed(status="cancelled")
