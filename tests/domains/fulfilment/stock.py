"""The stock of a product: what is there, and what is reserved for which order."""

from typing import ClassVar, Self

from pydantic import Field

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.errors import Refused
from acci.domain.events import Event
from tests.domains.fulfilment.events import Restocked, StockReleased, StockReserved, StockTaken


class StockCommand(CommandData):
    aggregate_id_field: ClassVar[str] = "product"

    product: str


class Restock(StockCommand):
    quantity: int


class ReserveStock(StockCommand):
    order: str
    quantity: int


class ReleaseStock(StockCommand):
    order: str


class TakeStock(StockCommand):
    order: str


class Stock(Aggregate):
    available: int = 0
    taken: int = 0
    reserved: dict[str, int] = Field(default_factory=dict)

    @decides(Restock)
    def restock(self, command: Command[Restock]) -> Restocked:
        return Restocked(quantity=command.data.quantity)

    @decides(ReserveStock)
    def reserve(self, command: Command[ReserveStock]) -> StockReserved:
        if command.data.quantity > self.available:
            raise Refused(f"only {self.available} are left.")
        return StockReserved(order=command.data.order, quantity=command.data.quantity)

    @decides(ReleaseStock)
    def release(self, command: Command[ReleaseStock]) -> StockReleased | None:
        quantity = self.reserved.get(command.data.order)
        return StockReleased(order=command.data.order, quantity=quantity) if quantity else None

    @decides(TakeStock)
    def take(self, command: Command[TakeStock]) -> StockTaken:
        quantity = self.reserved.get(command.data.order)
        if not quantity:
            raise Refused("nothing is reserved for the order.")
        return StockTaken(order=command.data.order, quantity=quantity)

    @evolves(Restocked)
    def restocked(self, event: Event[Restocked]) -> Self:
        return self.changed(available=self.available + event.data.quantity)

    @evolves(StockReserved)
    def was_reserved(self, event: Event[StockReserved]) -> Self:
        reserved = {**self.reserved, event.data.order: event.data.quantity}
        return self.changed(available=self.available - event.data.quantity, reserved=reserved)

    @evolves(StockReleased)
    def released(self, event: Event[StockReleased]) -> Self:
        return self.changed(
            available=self.available + event.data.quantity, reserved=self._without(event.data.order)
        )  # fmt: skip

    @evolves(StockTaken)
    def was_taken(self, event: Event[StockTaken]) -> Self:
        return self.changed(taken=self.taken + event.data.quantity, reserved=self._without(event.data.order))

    def _without(self, order: str) -> dict[str, int]:
        return {name: quantity for name, quantity in self.reserved.items() if name != order}
