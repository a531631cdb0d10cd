"""Read models of every sort: a row a stream, a row of many streams, a fold in Python."""

from acci.domain.events import Event, EventData
from acci.domain.projections import (
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
from acci.domain.projections.python_folds import Row
from tests.domains.bank.events import AccountClosed, AccountOpened, Deposited, Withdrawn


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
