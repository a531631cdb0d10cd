"""Aggregates: pure decisions on a state that events make."""

import socket
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar, Self
from uuid import uuid4

import pytest
from pydantic import AliasChoices, ConfigDict, Field, model_validator

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError, Refused
from acci.domain.events import Event, EventData
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from acci.domain.users.user import CreateUser, DeactivateUser, DeleteUser, ReactivateUser, UpdateUser, User
from tests.domains.ledger import CONTEXT as LEDGER
from tests.domains.ledger import Account, Closed, Open, Paid, Pay, PayTwice, command, event

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ANN = UserCreated(email="ann@acme.example", name="Ann")
CREATE = CreateUser(user_id="u", email="ann@acme.example", name="Ann")


def user(*happened: EventData) -> User:
    return User.from_events(event(data, version) for version, data in enumerate(happened, 1))


DECIDED: list[tuple[tuple[EventData, ...], Any, tuple[EventData, ...] | str]] = [
    ((), CREATE, (ANN,)),
    ((ANN,), CREATE, "the user exists already and is active."),
    ((), UpdateUser(user_id="u", name="Bea"), "there is no such user."),
    ((ANN,), UpdateUser(user_id="u", name="Bea"), (UserUpdated(email="ann@acme.example", name="Bea"),)),
    ((ANN,), UpdateUser(user_id="u", name="Ann"), ()),
    ((ANN,), DeactivateUser(user_id="u", reason="left"), (UserDeactivated(reason="left"),)),
    ((ANN, UserDeactivated()), DeactivateUser(user_id="u"), "the user is inactive."),
    ((ANN, UserDeactivated()), ReactivateUser(user_id="u"), (UserReactivated(),)),
    ((ANN,), ReactivateUser(user_id="u"), "the user is active."),
    ((ANN, UserDeactivated()), DeleteUser(user_id="u"), (UserDeleted(),)),
    ((ANN, UserDeleted()), DeleteUser(user_id="u"), "the user is deleted."),
    ((ANN, UserDeleted()), CREATE, "the user exists already and is deleted."),
    ((ANN, UserDeleted()), UpdateUser(user_id="u", name="x"), "the user is deleted."),
]


def said_by(refusal: Refused) -> tuple[str, str, str]:
    return refusal.command, refusal.aggregate_id, refusal.reason


@pytest.mark.parametrize(("happened", "wish", "expected"), DECIDED)
def test_the_user_aggregate_decides_by_its_rules(
    happened: tuple[EventData, ...], wish: Any, expected: tuple[EventData, ...] | str
) -> None:
    if isinstance(expected, str):
        with pytest.raises(Refused) as refused:
            user(*happened).decide(command(wish))
        assert said_by(refused.value) == (type(wish).__name__, "u", expected)
    else:
        assert user(*happened).decide(command(wish)) == expected


def test_a_decision_changes_nothing_and_needs_nothing_but_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(open=True, balance=Decimal(10))
    sent = command(PayTwice(account="a", amount=Decimal(-5)))
    monkeypatch.setattr(socket, "socket", None)
    assert account.decide(sent) == account.decide(sent) == (Paid(amount=Decimal(-5)), Paid(amount=Decimal(-5)))
    assert account == Account(open=True, balance=Decimal(10))


def test_a_fold_may_begin_anywhere() -> None:
    events = [event(Paid(amount=Decimal(v)), v) for v in range(1, 6)]
    begun = Account.from_events(events[:2])
    assert Account.from_events(events[2:], start=begun) == Account.from_events(events)
    assert Account.from_events([]) == Account()


def test_every_field_needs_a_default() -> None:
    with pytest.raises(DefinitionError, match="Aggregate Bare: give its field 'name' a default"):

        class Bare(Aggregate):
            name: str


def test_a_command_has_one_aggregate() -> None:
    class Other(Aggregate):
        @decides(Open)
        def decide_open(self, _: Any) -> None:
            """Nothing happens."""

    with pytest.raises(DefinitionError, match="Command Open: two aggregates decide on it"):
        Context(name="x", sql=LEDGER.sql, events=(), aggregates=(Account, Other))


def test_a_command_says_which_aggregate_it_is_for() -> None:
    class Aimless(CommandData):
        text: str

    class Idle(Aggregate):
        @decides(Aimless)
        def decide_aimless(self, _: Any) -> None:
            """Nothing happens."""

    with pytest.raises(DefinitionError, match="Command Aimless: its aggregate_id_field must name"):
        Context(name="x", sql=LEDGER.sql, events=(), aggregates=(Idle,))


class Renaming(EventData):
    text: str | None = Field(None, alias="from")


class Leaving(EventData):
    text: str = Field("", exclude=True)


class Saving(Aggregate):
    snapshot_every: ClassVar[int | None] = 1
    text: str = Field("", validation_alias=AliasChoices("from", "to"))


class Reading(EventData):
    """Also read by its field's name."""

    model_config = ConfigDict(populate_by_name=True)

    text: str = Field(alias="from")
    other: str = Field(serialization_alias="to")


def test_fields_with_an_alias_or_exclude_are_refused() -> None:
    for stored in (Renaming, Leaving):
        with pytest.raises(DefinitionError, match=rf"{stored.__name__}\.text: it is stored under its own name"):
            Context(name="x", sql=LEDGER.sql, events=(stored,))
    with pytest.raises(DefinitionError, match=r"Saving\.text"):
        Context(name="x", sql=LEDGER.sql, events=(), aggregates=(Saving,))
    assert Context(name="x", sql=LEDGER.sql, events=(Reading,)).events == (Reading,)


def test_a_decision_cannot_override_a_method_of_aggregate() -> None:
    with pytest.raises(DefinitionError, match="Aggregate Mistaken: its method 'decide' would replace"):

        class Mistaken(Aggregate):
            @decides(Open)
            def decide(self, command: Command[Open]) -> None:  # type: ignore[override]
                """Would be called for every command."""


def test_the_schema_of_a_state_changes_with_its_fields_and_its_meaning() -> None:
    class One(Aggregate):
        snapshot_every: ClassVar[int | None] = 5
        name: str = ""

    class Wider(One):
        size: int = 0

    class Otherwise(One):
        state_version: ClassVar[int] = 2

    class Never(One):
        snapshot_every: ClassVar[int | None] = None

    assert len({kind.state_schema() for kind in (One, Wider, Otherwise, Never)}) == 4
    assert Never.state_schema() == ""


class Ending(Aggregate):
    """Leads to what the name of its account says."""

    terminal: ClassVar[tuple[type[EventData], ...]] = (Closed,)

    @decides(PayTwice)
    def decide_pay_twice(self, command: Command[PayTwice]) -> list[EventData]:
        paid, closed = Paid(amount=command.data.amount), Closed(on=MOMENT.date(), by=uuid4(), at=MOMENT)
        told: dict[str, list[EventData]] = {
            "ends first": [closed, paid],
            "ends twice": [paid, closed, closed],
            "ends last": [paid, closed],
            "never ends": [paid, paid],
        }
        return told[command.data.account]


def test_a_decision_with_events_after_a_terminal_one_is_refused() -> None:
    for place in ("ends first", "ends twice"):
        with pytest.raises(Refused) as refused:
            Ending().decide(command(PayTwice(account=place, amount=Decimal(1))))
        assert said_by(refused.value) == (
            "PayTwice", place, "nothing may happen after Closed, and it would lead to more."
        )  # fmt: skip
    for place in ("ends last", "never ends"):
        assert len(Ending().decide(command(PayTwice(account=place, amount=Decimal(1))))) == 2


def test_a_pay_command_is_for_its_account() -> None:
    assert Pay(account="a", amount=Decimal(1)).aggregate_id == "a"
    assert command(Pay(account="a", amount=Decimal(1)), same := uuid4()).id == same


class Counted(Aggregate):
    number: int = Field(default=0, ge=0)
    names: dict[str, int] = Field(default_factory=dict)

    @evolves(Paid)
    def paid(self, event: Event[Paid]) -> Self:
        return self.changed(number=int(event.data.amount))


class Between(Aggregate):
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


def test_changed_checks_the_names_and_types_of_fields() -> None:
    state = Counted(names={"a": 1})
    changed = state.changed(number=5)
    assert (state.number, changed.number, changed.names) == (0, 5, {"a": 1})
    assert type(changed) is Counted
    assert Between().changed(low=5, high=9) == Between(low=5, high=9)
    for refused, told in (
        ({"nubmer": 1}, "Counted.changed: nubmer: Object has no attribute 'nubmer'."),
        ({"number": -1}, "Counted.changed: number: Input should be greater than or equal to 0."),
        ({"names": {"a": "x"}}, "Counted.changed: names.a: Input should be a valid integer"),
    ):
        with pytest.raises(DefinitionError) as raised:
            state.changed(**refused)
        assert str(raised.value).startswith(told)
    with pytest.raises(DefinitionError, match="low is above high"):
        Between().changed(low=5)


class Plain(Aggregate):
    name: str = ""
    number: int = 0
    open: bool = False
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)


class Trimmed(Plain):
    model_config = ConfigDict(str_strip_whitespace=True)


def test_unconstrained_fields_take_only_values_of_their_own_type() -> None:
    at = datetime(2026, 5, 1, tzinfo=timezone(timedelta(hours=2)))
    changed = Plain().changed(name="Ann", number=2**70, open=True, at=at)
    assert (changed.name, changed.number, changed.open, changed.at is at) == ("Ann", 2**70, True, True)
    assert Plain().changed(number=True).number is not True
    assert Plain().changed(name="Zoë", at="2026-05-01T00:00:00Z").at == datetime(2026, 5, 1, tzinfo=UTC)
    assert Trimmed().changed(name=" Ann ").name == "Ann"
    for refused in ({"name": 5}, {"nam": "Ann"}, {"number": "x", "name": "Ann"}):
        with pytest.raises(DefinitionError):
            Plain().changed(**refused)


class Something(EventData):
    pass


class SomethingElse(Something):
    pass


def test_a_base_class_does_not_stand_for_its_subclasses() -> None:
    with pytest.raises(
        DefinitionError, match="Something does not include its subclasses SomethingElse; name these too"
    ):

        class Alone(Aggregate):
            @evolves(Something)
            def happened(self, _: Event[Something]) -> Self:
                return self

    class Both(Aggregate):
        @evolves(Something, SomethingElse)
        def happened(self, _: Event[Something]) -> Self:
            return self

    assert Both.evolutions.keys() == {"Something", "SomethingElse"}
