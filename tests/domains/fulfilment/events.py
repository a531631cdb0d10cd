"""What happens to orders, to stock and to payments."""

from acci.domain.events import EventData


class OrderPlaced(EventData):
    product: str
    quantity: int
    amount: int


class OrderShipped(EventData):
    pass


class OrderCancelled(EventData):
    reason: str


class Restocked(EventData):
    quantity: int


class StockReserved(EventData):
    order: str
    quantity: int


class StockReleased(EventData):
    order: str
    quantity: int


class StockTaken(EventData):
    order: str
    quantity: int


class PaymentRequested(EventData):
    amount: int


class Paid(EventData):
    pass


class PaymentRefused(EventData):
    reason: str


class PaymentVoided(EventData):
    pass


class PaymentRefunded(EventData):
    pass


class PaymentOverdue(EventData):
    """The time to pay is over: of the process, not of the payment, which decides what that means for it."""
