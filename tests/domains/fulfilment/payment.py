"""The payment of an order. It alone decides whether it was paid in time: a payment and a time-out may come together."""

from typing import ClassVar, Literal, Self

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.errors import Refused
from acci.domain.events import Event
from tests.domains.fulfilment.events import Paid, PaymentRefunded, PaymentRefused, PaymentRequested, PaymentVoided


class PaymentCommand(CommandData):
    aggregate_id_field: ClassVar[str] = "order"

    order: str


class RequestPayment(PaymentCommand):
    amount: int


class Pay(PaymentCommand):
    pass


class RefusePayment(PaymentCommand):
    reason: str


class VoidPayment(PaymentCommand):
    """Let it be paid no more."""


class RefundPayment(PaymentCommand):
    pass


class Payment(Aggregate):
    status: Literal["none", "requested", "paid", "refused", "voided", "refunded"] = "none"

    @decides(RequestPayment)
    def request(self, command: Command[RequestPayment]) -> PaymentRequested:
        self._must_be("none")
        return PaymentRequested(amount=command.data.amount)

    @decides(Pay)
    def pay(self, _: Command[Pay]) -> Paid:
        self._must_be("requested")
        return Paid()

    @decides(RefusePayment)
    def refuse(self, command: Command[RefusePayment]) -> PaymentRefused:
        self._must_be("requested")
        return PaymentRefused(reason=command.data.reason)

    @decides(VoidPayment)
    def void(self, _: Command[VoidPayment]) -> PaymentVoided | None:
        if self.status == "paid":
            raise Refused("the payment is paid.")
        return PaymentVoided() if self.status in ("none", "requested") else None

    @decides(RefundPayment)
    def refund(self, _: Command[RefundPayment]) -> PaymentRefunded | None:
        self._must_be("paid", "refunded")
        return PaymentRefunded() if self.status == "paid" else None

    @evolves(PaymentRequested)
    def requested(self, _: Event[PaymentRequested]) -> Self:
        return self.changed(status="requested")

    @evolves(Paid)
    def paid(self, _: Event[Paid]) -> Self:
        return self.changed(status="paid")

    @evolves(PaymentRefused)
    def refused(self, _: Event[PaymentRefused]) -> Self:
        return self.changed(status="refused")

    @evolves(PaymentVoided)
    def voided(self, _: Event[PaymentVoided]) -> Self:
        return self.changed(status="voided")

    @evolves(PaymentRefunded)
    def refunded(self, _: Event[PaymentRefunded]) -> Self:
        return self.changed(status="refunded")

    def _must_be(self, *allowed: str) -> None:
        if self.status not in allowed:
            raise Refused(f"the payment is {self.status}.")
