"""What can happen to an account."""

from datetime import datetime
from decimal import Decimal

from acci.domain.events import EventData


class AccountOpened(EventData):
    owner: str
    since: datetime


class Deposited(EventData):
    amount: Decimal


class Withdrawn(EventData):
    amount: Decimal
    note: str | None = None


class AccountClosed(EventData):
    """The end of an account."""
