"""What a sender is: one method, and two ways to fail."""

from typing import ClassVar, Protocol

from acci.domain.errors import AcciError
from acci.store.reacting.outgoing import Outgoing


class DeliveryFailed(AcciError):
    """What was to be delivered did not arrive, or nobody knows; it is tried again.

    `reason` is a phrase without personal data. `retry_after`: not before so many seconds, as the receiver asks.
    """

    transient: ClassVar[bool] = True

    reason: str
    retry_after: float | None = None

    sentence = "Not delivered: {reason}. It is tried again."


class DeliveryRefused(AcciError):
    """What was to be delivered cannot be, however often it is tried: a dead letter, behind which its key waits.

    `reason` is a phrase without personal data.
    """

    reason: str

    sentence = "Not delivered, and not tried again by itself: {reason}."


class Sender(Protocol):
    """Delivers. Safe to share between threads; returns before the route's time is over.

    The same message may come twice, with the same id, if nobody knows whether it arrived.
    """

    def send(self, message: Outgoing) -> None:
        """Afterwards it has arrived. Raises `DeliveryFailed` to be called again, `DeliveryRefused` for a dead letter.

        Any other exception is taken for one that may pass; its text is kept nowhere, since personal data may be in it.
        """
