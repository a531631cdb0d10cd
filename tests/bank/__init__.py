"""A small bank, as a domain of its own: aggregates with snapshots and an end, read models of every sort to audit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import ClassVar, Self
from uuid import UUID

from domain.aggregates import Aggregate, evolves
from domain.contexts import Context
from domain.events import Event, EventData, EventMetadata
from domain.projections import (
    Delete,
    FoldProjection,
    Insert,
    Projection,
    Update,
    Upsert,
    add,
    count,
    local_date,
    maximum,
    on,
)
from domain.projections.python_folds import Row


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


class Account(Aggregate):
    """An account, with a snapshot now and then."""

    terminal: ClassVar[tuple[type[EventData], ...]] = (AccountClosed,)
    snapshot_every: ClassVar[int | None] = 4

    owner: str = ""
    balance: Decimal = Decimal(0)
    closed: bool = False

    @evolves(AccountOpened)
    def opened(self, event: Event[AccountOpened]) -> Self:
        return self.model_copy(update={"owner": event.data.owner})

    @evolves(Deposited)
    def deposited(self, event: Event[Deposited]) -> Self:
        return self.model_copy(update={"balance": self.balance + event.data.amount})

    @evolves(Withdrawn)
    def withdrawn(self, event: Event[Withdrawn]) -> Self:
        return self.model_copy(update={"balance": self.balance - event.data.amount})

    @evolves(AccountClosed)
    def ended(self, _: Event[AccountClosed]) -> Self:
        return self.model_copy(update={"closed": True})


class Accounts(Projection):
    """Every open account, and what happened to it."""

    key = ("tenant_id", "id")

    @on(AccountOpened)
    def opened(self, event: Event[AccountOpened]) -> Insert:
        return Insert(owner=event.data.owner, since=event.data.since, balance=0, movements=0, note=None)

    @on(Deposited)
    def deposited(self, event: Event[Deposited]) -> Update:
        return Update(balance=add(event.data.amount), movements=count())

    @on(Withdrawn)
    def withdrawn(self, event: Event[Withdrawn]) -> Update:
        return Update(balance=add(-event.data.amount), movements=count(), note=event.data.note)

    @on(AccountClosed)
    def closed(self, _: Event[AccountClosed]) -> Delete:
        return Delete()


class Turnover(Projection):
    """What was paid in on each day: a row of many streams, keyed by the payload's time."""

    key = ("tenant_id", "day")

    @on(Deposited)
    def deposited(self, event: Event[Deposited]) -> Upsert:
        return Upsert(
            day=local_date(event.timestamp, "Europe/Amsterdam"),
            deposits=count(),
            amount=add(event.data.amount),
            largest=maximum(event.data.amount),
        )


class Statements(FoldProjection):
    """The last three movements of each account: a list in a row, which no verb can fold."""

    key = ("tenant_id", "id")
    handles = (AccountOpened, Deposited, Withdrawn, AccountClosed)

    def evolve(self, row: Row | None, event: Event[EventData]) -> Row | None:
        match event.data:
            case AccountOpened():
                return {"movements": []}
            case AccountClosed():
                return None
            case Deposited(amount=amount) if row is not None:
                return {"movements": [*row["movements"], str(amount)][-3:]}
            case Withdrawn(amount=amount) if row is not None:
                return {"movements": [*row["movements"], str(-amount)][-3:]}
        return row


def history(seed: int, events: int, tenants: int = 3) -> list[Event[EventData]]:
    """A history that could have happened, the same each time; accounts grow, end, and new ones begin."""
    random = Random(seed)
    began = datetime(2026, 3, 1, tzinfo=UTC)
    made: list[Event[EventData]] = []
    living: list[tuple[str, str, int]] = []
    for number in range(events):
        happened = began + timedelta(minutes=random.randrange(1, 30) + 30 * number)
        dice = random.random()
        if dice < 0.2 or not living:
            tenant, account, version = f"tenant-{random.randrange(tenants)}", f"account-{seed}-{number}", 0
            data: EventData = AccountOpened(owner=random.choice(("Ann", "Bo Zoë", "")), since=happened)
        else:
            tenant, account, version = living.pop(random.randrange(len(living)))
            data = _movement(random, dice)
        if not isinstance(data, AccountClosed):
            living.append((tenant, account, version + 1))
        made.append(
            Event(
                UUID(int=random.getrandbits(128), version=4),
                account,
                "Account",
                data.event_type(),
                version + 1,
                data,
                EventMetadata(tenant, f"request-{number}", None, "clerk"),
                happened,
            )
        )
    return made


def _movement(random: Random, dice: float) -> EventData:
    amount = Decimal(random.randrange(1, 100_000)).scaleb(-random.randrange(3))
    if dice < 0.65:
        return Deposited(amount=amount)
    if dice < 0.95:
        return Withdrawn(amount=amount, note=random.choice((None, "rent", "food")))
    return AccountClosed()


CONTEXT = Context(
    name="bank",
    sql=Path(__file__).parent / "sql",
    events=(AccountOpened, Deposited, Withdrawn, AccountClosed),
    aggregates=(Account,),
    projections=(Accounts, Turnover, Statements),
)
