"""The aggregate: an account, with snapshots and an end."""

from decimal import Decimal
from typing import ClassVar, Self

from acci.domain.aggregates import Aggregate, evolves
from acci.domain.events import Event, EventData
from tests.domains.bank.events import AccountClosed, AccountOpened, Deposited, Withdrawn


class Account(Aggregate):
    """An account, with a snapshot now and then."""

    terminal: ClassVar[tuple[type[EventData], ...]] = (AccountClosed,)
    snapshot_every: ClassVar[int | None] = 4

    owner: str = ""
    balance: Decimal = Decimal(0)
    closed: bool = False

    @evolves(AccountOpened)
    def opened(self, event: Event[AccountOpened]) -> Self:
        return self.changed(owner=event.data.owner)

    @evolves(Deposited)
    def deposited(self, event: Event[Deposited]) -> Self:
        return self.changed(balance=self.balance + event.data.amount)

    @evolves(Withdrawn)
    def withdrawn(self, event: Event[Withdrawn]) -> Self:
        return self.changed(balance=self.balance - event.data.amount)

    @evolves(AccountClosed)
    def ended(self, _: Event[AccountClosed]) -> Self:
        return self.changed(closed=True)
