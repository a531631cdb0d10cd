"""Histories of the bank that could have happened, the same for the same seed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from acci.domain.events import Event, EventData, EventMetadata, StreamId
from tests.domains.bank.events import AccountClosed, AccountOpened, Deposited, Withdrawn


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


def long_history(stream: StreamId, events: int) -> list[Event[EventData]]:
    """One account with many deposits."""
    began = datetime(2026, 3, 1, tzinfo=UTC)
    metadata = EventMetadata(stream.tenant_id, "one request")
    first: EventData = AccountOpened(owner="Ann", since=began)
    made = [first, *(Deposited(amount=Decimal(number)) for number in range(1, events))]
    return [
        Event(UUID(int=number, version=4), stream.aggregate_id, stream.aggregate_type, data.event_type(), number, data,
              metadata, began + timedelta(seconds=number))
        for number, data in enumerate(made, 1)
    ]  # fmt: skip
