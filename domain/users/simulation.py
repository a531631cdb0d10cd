"""Made-up users: many tenants of very different size, a few busy users and many quiet ones."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from random import Random
from uuid import UUID

from acci.domain.events import Event, EventData, EventMetadata
from acci.domain.simulations import Plan, SimulatedCommand
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from acci.domain.users.user import CreateUser, DeactivateUser, DeleteUser, ReactivateUser, UpdateUser, UserCommand

TENANTS = (
    "acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "wonka", "cyberdyne", "tyrell",
    "soylent", "oceanic", "massive", "vandelay", "dunder", "sterling", "pied-piper", "duff", "gekko", "aperture",
)  # fmt: skip
FIRST = (
    "Anna", "Ben", "Chloé", "David", "Emma", "Farid", "Grace", "Hugo", "Inès", "Jan", "Karim", "Léa", "Mia", "Noah",
    "Olga", "Paul", "Quentin", "Rosa", "Sofia", "Tom", "Ursula", "Victor", "Wanda", "Xavier", "Yara", "Zoë",
)  # fmt: skip
LAST = (
    "Andersson", "Bernard", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ivanov", "Jansen", "Keller",
    "Lambert", "Moreau", "Novak", "Okafor", "Petit", "Quinn", "Rossi", "Schmidt", "Tanaka", "Ueda", "Visser", "Weber",
    "Xu", "Yilmaz", "Zimmermann",
)  # fmt: skip
REASONS = ("on leave", "contract ended", "asked for it", "unpaid invoice", None)
NEW = 0.1  # of all events; so a user has ten on average
CLERKS = 40
BUSY = 3  # the higher, the more of the activity falls to the first users


@dataclass(slots=True)
class Account:
    tenant_id: str
    user_id: str
    email: str
    name: str
    version: int = 0
    active: bool = True


class World:
    """The users of one writer, and what happens to them next."""

    def __init__(self, plan: Plan) -> None:
        self.random = Random(f"{plan.seed}/{plan.batch}/{plan.writer}")  # noqa: S311 nothing secret
        self._plan = plan
        self._made = 0
        self._living: list[Account] = []
        self._tenants = tuple(_tenant(number) for number in range(plan.tenants))
        self._sizes = list(accumulate(1 / (number + 1) for number in range(plan.tenants)))  # Zipf's law

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, `limit`; much quicker than randrange."""
        return int(self.random.random() * limit)

    def next(self) -> tuple[Account, EventData]:
        """The next thing that happens, and to whom; their state is as after it."""
        dice = self.random.random()
        if dice < NEW or not self._living:
            return self._create()
        place = int(len(self._living) * self.random.random() ** BUSY)
        account = self._living[place]
        account.version += 1
        if not account.active:
            if dice < 0.2:
                return account, self._delete(place)
            account.active = True
            return account, UserReactivated()
        if dice < 0.85:
            return account, self._update(account)
        if dice < 0.99:
            account.active = False
            return account, UserDeactivated(reason=REASONS[self.below(len(REASONS))])
        return account, self._delete(place)

    def _create(self) -> tuple[Account, UserCreated]:
        tenant = self._tenants[bisect(self._sizes, self.random.random() * self._sizes[-1])]
        self._made += 1
        user_id = f"user-{self._plan.batch}-{self._plan.writer}-{self._made}"
        name = f"{FIRST[self.below(len(FIRST))]} {LAST[self.below(len(LAST))]}"
        account = Account(tenant, user_id, self._email(name, tenant), name, 1)
        self._living.append(account)
        return account, UserCreated(email=account.email, name=name)

    def _update(self, account: Account) -> UserUpdated:
        if self.random.random() < 0.7:
            account.name = f"{account.name.split(' ')[0]} {LAST[self.below(len(LAST))]}"
        account.email = self._email(account.name, account.tenant_id)
        return UserUpdated(email=account.email, name=account.name)

    def _delete(self, place: int) -> UserDeleted:
        self._living[place] = self._living[-1]
        self._living.pop()
        return UserDeleted()

    def _email(self, name: str, tenant: str) -> str:
        return f"{name.lower().replace(' ', '.')}.{self.below(100_000)}@{tenant}.example"


class UserSimulation:
    """A history of users, and commands that continue it."""

    def events(self, plan: Plan) -> Iterator[Event[EventData]]:
        world = World(plan)
        random, below = world.random, world.below
        step = (plan.end - plan.start).total_seconds() / max(plan.events, 1)
        for number in range(plan.events):
            account, data = world.next()
            yield Event(
                UUID(int=random.getrandbits(128), version=4),
                account.user_id,
                "User",
                data.event_type(),
                account.version,
                data,
                EventMetadata(
                    account.tenant_id,
                    f"request-{random.getrandbits(48):012x}",
                    f"command-{random.getrandbits(48):012x}",
                    f"clerk-{below(CLERKS)}",
                ),
                plan.start + timedelta(seconds=step * (number + random.random())),
            )

    def commands(self, plan: Plan) -> Iterator[SimulatedCommand]:
        world = World(plan)
        while True:
            account, data = world.next()
            yield SimulatedCommand(account.tenant_id, f"clerk-{world.below(CLERKS)}", _command(account, data))


def _tenant(number: int) -> str:
    name, round_ = TENANTS[number % len(TENANTS)], number // len(TENANTS)
    return f"{name}-{round_ + 1}" if round_ else name


def _command(account: Account, data: EventData) -> UserCommand:
    """The command that leads to `data`."""
    match data:
        case UserCreated():
            return CreateUser(user_id=account.user_id, email=data.email, name=data.name)
        case UserUpdated():
            return UpdateUser(user_id=account.user_id, email=data.email, name=data.name)
        case UserDeactivated():
            return DeactivateUser(user_id=account.user_id, reason=data.reason)
        case UserReactivated():
            return ReactivateUser(user_id=account.user_id)
        case _:
            return DeleteUser(user_id=account.user_id)
