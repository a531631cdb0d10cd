"""Fulfilment: an order is reserved, paid and shipped, or what was done for it is undone.

Whatever goes wrong, the order is cancelled first; the compensation follows from that one event, and so does what a
customer's own cancelling asks for. The commands of an order are handled in order, so a release never comes before the
reservation that it is for.
"""

from datetime import timedelta
from typing import ClassVar, Self

from acci.domain.aggregates import evolves
from acci.domain.effects import After, Cancel, Effect, Send
from acci.domain.events import Event, RecordedEvent
from acci.domain.reactions import CommandRefused, Reaction, reacts, refused
from tests.domains.fulfilment.events import (
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    Paid,
    PaymentOverdue,
    PaymentRefused,
    PaymentVoided,
    StockReserved,
)
from tests.domains.fulfilment.order import CancelOrder, ShipOrder
from tests.domains.fulfilment.payment import RefundPayment, RequestPayment, VoidPayment
from tests.domains.fulfilment.stock import ReleaseStock, ReserveStock, TakeStock

TIME_TO_PAY = timedelta(days=3)


class Fulfilment(Reaction):
    """Order, reserve, pay, ship; its key is the order."""

    name: ClassVar[str] = "fulfilment"
    keys: ClassVar = {StockReserved: "order"}

    order: str = ""
    product: str = ""
    amount: int = 0
    is_cancelled: bool = False

    @evolves(OrderPlaced)
    def placed(self, event: Event[OrderPlaced]) -> Self:
        data = event.data
        return self.changed(order=event.aggregate_id, product=data.product, amount=data.amount)

    @evolves(OrderCancelled)
    def cancelled(self, _: Event[OrderCancelled]) -> Self:
        return self.changed(is_cancelled=True)

    @reacts(OrderPlaced)
    def reserve(self, event: RecordedEvent[OrderPlaced]) -> Send:
        return Send(ReserveStock(product=self.product, order=self.order, quantity=event.data.quantity))

    @refused(ReserveStock)
    def give_up(self, event: RecordedEvent[CommandRefused]) -> Send:
        return self._cancel(f"out of stock: {event.data.reason}")

    @reacts(StockReserved)
    def ask_for_payment(self, _: RecordedEvent[StockReserved]) -> list[Effect]:
        if self.is_cancelled:
            return []  # its release is under way
        request = Send(RequestPayment(order=self.order, amount=self.amount))
        return [request, After(TIME_TO_PAY, PaymentOverdue(), "payment")]

    @reacts(PaymentOverdue)
    def stop_waiting(self, _: RecordedEvent[PaymentOverdue]) -> Send:
        return Send(VoidPayment(order=self.order))

    @reacts(PaymentVoided)
    def cancel_unpaid(self, _: RecordedEvent[PaymentVoided]) -> Send:
        return self._cancel("not paid in time")

    @reacts(PaymentRefused)
    def cancel_refused(self, event: RecordedEvent[PaymentRefused]) -> Send:
        return self._cancel(f"payment refused: {event.data.reason}")

    @reacts(Paid)
    def ship(self, _: RecordedEvent[Paid]) -> list[Effect]:
        return [Cancel("payment"), Send(ShipOrder(order=self.order))]

    @reacts(OrderShipped)
    def take(self, _: RecordedEvent[OrderShipped]) -> Send:
        return Send(TakeStock(product=self.product, order=self.order))

    @reacts(OrderCancelled)
    def undo(self, _: RecordedEvent[OrderCancelled]) -> list[Effect]:
        release = Send(ReleaseStock(product=self.product, order=self.order))
        return [Cancel("payment"), release, Send(VoidPayment(order=self.order))]

    @refused(VoidPayment)
    def refund(self, _: RecordedEvent[CommandRefused]) -> Send | None:
        """It was paid: too late for a cancelled order, just in time for one that is not."""
        return Send(RefundPayment(order=self.order)) if self.is_cancelled else None

    def _cancel(self, reason: str) -> Send:
        return Send(CancelOrder(order=self.order, reason=reason))
