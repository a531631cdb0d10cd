"""A ledger, as a domain of its own: an aggregate with snapshots, and events whose shape has changed three times."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

from pydantic import BaseModel

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.contexts import Context
from acci.domain.errors import Refused
from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.domain.projections import Insert, Projection, Update, after, before, cast, on
from acci.domain.upcasting import Upcaster, old

TENANT = "acme"


class Owner(BaseModel):
    given: str
    family: str
    country: str


class Opened(EventData):
    """1: {name, nation}; 2: name → holder; 3: the holder's name split in two, nation moved below the owner."""

    schema_version: ClassVar[int] = 4
    upcasters: ClassVar[tuple[Upcaster, ...]] = (
        Upcaster(1, rename={"name": "holder"}, default={"currency": "EUR"}),
        Upcaster(
            2,
            change={"owner.given": before(old("holder", str), " "), "owner.family": after(old("holder", str), " ")},
            rename={"nation": "owner.country"},
            drop=("holder",),
        ),
        Upcaster(3, drop=("branch",)),
    )

    owner: Owner
    currency: str
    note: str | None = None


class Paid(EventData):
    """1: {cents: int}; 2: {amount: Decimal}."""

    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (
        Upcaster(1, change={"amount": cast(old("cents", int), Decimal) * Decimal("0.01")}, drop=("cents",)),
    )

    amount: Decimal


class Closed(EventData):
    on: date
    by: UUID
    at: datetime


class LedgerCommand(CommandData):
    aggregate_id_field: ClassVar[str] = "account"

    account: str


class Open(LedgerCommand):
    holder: str


class Pay(LedgerCommand):
    """Pay in, or out if `amount` is negative; nothing happens if it is zero."""

    amount: Decimal


class PayTwice(LedgerCommand):
    amount: Decimal


class Account(Aggregate):
    """An account that must not be overdrawn."""

    snapshot_every: ClassVar[int | None] = 3

    open: bool = False
    balance: Decimal = Decimal(0)
    holder: str = ""

    @decides(Open)
    def decide_open(self, command: Command[Open]) -> Opened:
        if self.open:
            raise Refused("it is open.")
        given, _, family = command.data.holder.partition(" ")
        return Opened(owner=Owner(given=given, family=family, country="NL"), currency="EUR")

    @decides(Pay)
    def decide_pay(self, command: Command[Pay]) -> Paid | None:
        if not self.open or self.balance + command.data.amount < 0:
            raise Refused("there is no account, or not enough on it.")
        return Paid(amount=command.data.amount) if command.data.amount else None

    @decides(PayTwice)
    def decide_pay_twice(self, command: Command[PayTwice]) -> list[EventData]:
        if not self.open or self.balance + 2 * command.data.amount < 0:
            raise Refused("there is no account, or not enough on it.")
        return [Paid(amount=command.data.amount)] * 2

    @evolves(Opened)
    def opened(self, event: Event[Opened]) -> Self:
        owner = event.data.owner
        return self.changed(open=True, holder=f"{owner.given} {owner.family}".strip())

    @evolves(Paid)
    def paid(self, event: Event[Paid]) -> Self:
        return self.changed(balance=self.balance + event.data.amount)

    @evolves(Closed)
    def closed(self, _event: Event[Closed]) -> Self:
        return self.changed(open=False)


class Holders(Projection):
    """Who holds which account, in every field that has changed its shape."""

    key = ("tenant_id", "id")

    @on(Opened)
    def opened(self, event: Event[Opened]) -> Insert:
        data = event.data
        return Insert(
            given=data.owner.given,
            family=data.owner.family,
            country=data.owner.country,
            currency=data.currency,
            note=data.note,
        )

    @on(Paid)
    def paid(self, event: Event[Paid]) -> Update:
        return Update(last_paid=event.data.amount)


CONTEXT = Context(
    name="ledger",
    sql=Path(__file__).parent / "sql",
    events=(Opened, Paid, Closed),
    aggregates=(Account,),
    projections=(Holders,),
)


def command(
    data: CommandData, command_id: UUID | None = None, correlation_id: str = "c", **who: Any
) -> Command[CommandData]:
    """A command of that tenant, sent now."""
    metadata: dict[str, Any] = {"user_id": "clerk", "tenant_id": TENANT, "timestamp": datetime.now(UTC)} | who
    return Command(command_id or uuid4(), data, CommandMetadata(correlation_id=correlation_id, **metadata))


def stream(account: str, tenant_id: str = TENANT) -> StreamId:
    return StreamId(tenant_id, "Account", account)


def event(data: EventData, version: int, account: str = "a", correlation_id: str = "c") -> Event[EventData]:
    """The event of that version of an account, happened now."""
    metadata = EventMetadata(TENANT, correlation_id)
    name = data.event_type()
    return Event(uuid4(), account, "Account", name, version, data, metadata, datetime.now(UTC), data.schema_version)
