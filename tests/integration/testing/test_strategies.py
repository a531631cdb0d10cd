"""Hypothesis strategies from classes: all that they draw is valid, and comes back from the store as it was."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import hypothesis
import pytest
from hypothesis import strategies as st
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    RootModel,
    StringConstraints,
    model_validator,
)

from acci import Context, DefinitionError, EventData, Personal, given
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted
from acci.domain.users.user import CreateUser, User
from acci.domain.users.user_view import UserView
from acci.store.encryption.key_store import KeyStore
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from acci.store.testing.strategies import commands, events, histories
from tests.domains.ledger import event, stream
from tests.support.strategies.events import EVENTS, Moved


class Colour(Enum):
    RED = "red"
    BLUE = 2


class Tree(BaseModel):
    name: str
    children: list["Tree"] = Field(default=[], max_length=2)


class Pair(NamedTuple):
    left: int
    right: str


class Labels(RootModel[list[str]]):
    pass


class Everything(EventData):
    text: str
    filled: Annotated[str, Field(min_length=1, pattern=r"\S")] = Field(max_length=20)
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}\d+$", max_length=9)]
    lower: Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True)]
    person: Personal[str]
    nobody: Personal[str | None] = None
    whole: int
    few: int = Field(gt=0, lt=3)
    even: int = Field(ge=-10, le=10, multiple_of=2)
    exact: Decimal
    price: Decimal = Field(gt=0, max_digits=6, decimal_places=3)
    rough: float
    share: float = Field(ge=0, le=1)
    truth: bool
    moment: datetime
    later: AwareDatetime = Field(gt=datetime(2024, 1, 1, tzinfo=UTC))
    day: date
    past: date = Field(lt=date(2020, 1, 1))
    clock: time
    span: timedelta
    id: UUID
    raw: bytes
    colour: Colour
    choice: Literal["a", 1]
    perhaps: Annotated[str, Field(max_length=3)] | None = Field(default=None, pattern="^a")
    one_or_two: list[Tree] = Field(min_length=1, max_length=2)
    tree: Tree
    amounts: dict[str, Decimal]
    by_day: dict[date, PositiveInt]
    pair: tuple[int, str]
    many: tuple[int, ...] = ()
    labels: frozenset[str]
    numbers: set[int]
    named: Pair
    root: Labels
    anything: Any


class Span(EventData):
    start: int
    end: int

    @model_validator(mode="after")
    def ordered(self) -> "Span":
        if self.end < self.start:
            raise ValueError("it ends before it starts")
        return self


class Callback:
    def __init__(self, what) -> None:  # type: ignore[no-untyped-def]
        self.what = what


class Opaque(EventData):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    callback: Callback


KINDS: tuple[type[EventData], ...] = (Everything, Span, *EVENTS)
CATALOGUE = Catalogue((Context("strategies", Path(), events=KINDS),))
STREAMS = count()


@pytest.fixture(scope="module")
def log(server: Any) -> Iterator[EventStore]:
    with server.database() as url, server.database(template="template1") as keys_url:
        keys = KeyStore(keys_url)
        with Database(url, keys=keys) as database:
            yield EventStore(database, CATALOGUE)
        keys.close()


@hypothesis.given(st.one_of(*map(events, KINDS)))
def test_every_event_comes_back_from_the_store_as_it_was(log: EventStore, drawn: EventData) -> None:
    account = f"account-{next(STREAMS)}"
    log.append(stream(account), 0, [event(drawn, 1, account)])
    assert [each.data for each in log.read_stream(stream(account))] == [drawn]


@hypothesis.settings(max_examples=20)
@hypothesis.given(events(Everything, price=st.just(Decimal("1.25")), perhaps=st.just("a")))
def test_a_field_may_have_a_strategy_of_its_own(drawn: Everything) -> None:
    assert (drawn.price, drawn.perhaps) == (Decimal("1.25"), "a")


def test_a_default_is_taken_at_times_and_another_value_at_others() -> None:
    hypothesis.find(events(UserDeactivated), lambda drawn: drawn.reason is None)
    hypothesis.find(events(UserDeactivated), lambda drawn: drawn.reason is not None)
    hypothesis.find(events(Moved), lambda drawn: drawn.number == 7)


def test_a_field_whose_type_says_nothing_wants_a_strategy() -> None:
    with pytest.raises(
        DefinitionError, match=r"Opaque.callback: its type does not say .* Give a strategy .* callback="
    ):
        events(Opaque)
    with pytest.raises(DefinitionError, match=r"Opaque.colour: there is no such field"):
        events(Opaque, colour=st.none())


@hypothesis.settings(max_examples=40)
@hypothesis.given(histories(User))
def test_a_history_is_what_commands_lead_to(history: tuple[EventData, ...]) -> None:
    kinds = [type(each) for each in history]
    assert kinds[:1] == [UserCreated][: len(kinds)]
    assert kinds.count(UserCreated) <= 1
    assert UserDeleted not in kinds[:-1]
    given(*history).when_projected(UserView)


@hypothesis.given(histories(User, commands(CreateUser, user_id=st.just("ann"), email=st.just("a@b")), longest=3))
def test_a_history_of_chosen_commands(history: tuple[EventData, ...]) -> None:
    assert {type(each) for each in history} <= {UserCreated}
    assert len(history) <= 1
