"""The testing kit for aggregates: without a database, by the code that validates and decides commands in production."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from pydantic import Field

from acci import (
    Aggregate,
    Command,
    CommandData,
    Context,
    DefinitionError,
    Event,
    EventData,
    Happened,
    Personal,
    Refused,
    decides,
    evolves,
    given,
)
from acci.domain.errors import UnknownName
from acci.domain.users.events import UserCreated, UserDeactivated
from acci.domain.users.user import DeactivateUser, UpdateUser
from acci.store.log.payloads import PayloadTooLarge


class Received(EventData):
    quantity: int


class Shipped(EventData):
    quantity: int
    to: Personal[str]


class Closed(EventData):
    pass


class Unregistered(EventData):
    pass


class ProductCommand(CommandData):
    aggregate_id_field: ClassVar[str] = "product"

    product: str = Field(min_length=1)


class Ship(ProductCommand):
    quantity: int = Field(gt=0)
    to: str = "ann"


class Forget(ProductCommand):
    pass


class Close(ProductCommand):
    pass


class Product(Aggregate):
    stock: int = 0
    last: datetime | None = None

    @decides(Ship)
    def ship(self, command: Command[Ship]) -> Shipped:
        if command.data.quantity > self.stock:
            raise Refused(f"there are {self.stock}.")
        return Shipped(quantity=command.data.quantity, to=command.data.to)

    @decides(Close)
    def close(self, _: Command[Close]) -> list[EventData]:
        return [Shipped(quantity=self.stock, to="nobody"), Closed()] if self.stock else []

    @decides(Forget)
    def forget(self, _: Command[Forget]) -> Unregistered:
        return Unregistered()

    @evolves(Received)
    def received(self, event: Event[Received]) -> Self:
        return self.changed(stock=self.stock + event.data.quantity, last=event.timestamp)

    @evolves(Shipped)
    def shipped(self, event: Event[Shipped]) -> Self:
        return self.changed(stock=self.stock - event.data.quantity, last=event.timestamp)


CONTEXT = Context("products", Path(), events=(Received, Shipped, Closed), aggregates=(Product,))
THREE = given(Received(quantity=3))


def test_events_and_the_state_that_they_leave() -> None:
    decided = THREE.when(Ship(product="bolt", quantity=2)).then(Shipped(quantity=2, to="ann"))
    assert decided.state == Product(stock=1, last=datetime(2024, 1, 1, 0, 2, tzinfo=UTC))


def test_several_events_in_order() -> None:
    THREE.when(Close(product="bolt")).then(Shipped(quantity=3, to="nobody"), Closed())


def test_a_refusal_by_its_reason() -> None:
    THREE.when(Ship(product="bolt", quantity=4)).refused("there are 3.")


def test_nothing_happens() -> None:
    given().when(Close(product="bolt")).nothing()


def test_only_events_of_the_commands_aggregate_count() -> None:
    elsewhere = given(
        Received(quantity=1),
        Happened(Received(quantity=10), aggregate_id="nut"),
        Happened(Received(quantity=10), tenant_id="other"),
    )
    elsewhere.when(Ship(product="bolt", quantity=2)).refused("there are 1.")
    elsewhere.when(Ship(product="nut", quantity=12)).refused("there are 11.")
    elsewhere.when(Ship(product="bolt", quantity=12), tenant_id="other").refused("there are 11.")


def test_a_command_as_it_comes_from_outside_is_invalid_in_fields() -> None:
    given().when(Ship, {"product": "", "quantity": 0}).invalid("product", "quantity")
    given().when(Ship, {"product": "bolt", "quantity": 1, "colour": "red"}).invalid("colour")
    THREE.when(Ship, {"product": "bolt", "quantity": 1}).then(Shipped(quantity=1, to="ann"))


def test_what_a_class_takes_and_postgresql_does_not_is_invalid() -> None:
    given().when(Ship(product="bo\0lt", quantity=1)).invalid("product")
    given().when(Ship(product="b" * 501, quantity=1)).invalid("product")
    THREE.when(Ship(product="bolt", quantity=1), user_id=" ").invalid("metadata.user_id")


def test_the_envelope_is_compared_where_it_is_named() -> None:
    at = datetime(2024, 5, 1, tzinfo=UTC)
    decided = THREE.when(Ship(product="bolt", quantity=1), user_id="bob", timestamp=at)
    shipped = Shipped(quantity=1, to="ann")
    decided.then(Happened(shipped, user_id="bob", timestamp=at, aggregate_id="bolt", aggregate_type="Product"))
    with pytest.raises(AssertionError, match=r"- Happened\(Shipped\(.*user_id='eve'\)[^$]*\+ Happened\(.*'bob'"):
        decided.then(Happened(shipped, user_id="eve"))
    with pytest.raises(AssertionError, match="led to other events"):
        decided.then(Happened(shipped, timestamp=at + timedelta(seconds=1)))


def test_other_events_are_shown_as_a_difference() -> None:
    with pytest.raises(AssertionError) as caught:
        THREE.when(Ship(product="bolt", quantity=2)).then(Shipped(quantity=3, to="ann"), Closed())
    assert str(caught.value).split("\n") == [
        "Ship for 'bolt' led to other events (- expected, + happened):",
        "  - Shipped(quantity=3, to='ann')",
        "  ?                  ^",
        "  + Shipped(quantity=2, to='ann')",
        "  ?                  ^",
        "  - Closed()",
    ]


def test_events_of_another_class_are_other_events() -> None:
    with pytest.raises(AssertionError, match=r"- Received\(quantity=1\)"):
        THREE.when(Ship(product="bolt", quantity=1)).then(Received(quantity=1))


@pytest.mark.parametrize(
    ("command", "expect", "said"),
    [
        (
            Ship(product="p", quantity=4),
            ("then", Closed()),
            r"was refused: there are 3\.; it was to lead to:\n  C",
        ),
        (Ship(product="p", quantity=4), ("nothing",), r"was refused: there are 3\.; it was to be accepted"),
        (Ship(product="p", quantity=4), ("refused", "there are 4."), r"another reason .*\n  - there are 4"),
        (Ship(product="p", quantity=4), ("invalid", "quantity"), r"invalid: quantity\nIt was refused: there are 3"),
        (Ship(product="p", quantity=1), ("nothing",), r"lead to nothing\. It led to:\n  Shipped\(quantity=1"),
        (Ship(product="p", quantity=1), ("refused", "no."), r"refused: no\.\nIt led to:\n  Shipped"),
        (Ship(product="\0", quantity=1), ("invalid", "quantity"), r"only in: quantity\nIt was invalid: product: holds"),
        (Ship(product="\0", quantity=1), ("then",), r"Ship was invalid: product: .*; it was to lead to: nothing"),
    ],
)
def test_what_is_not_as_expected_is_said(command: Any, expect: tuple[Any, ...], said: str) -> None:
    method, *arguments = expect
    with pytest.raises(AssertionError, match=said):
        getattr(THREE.when(command), method)(*arguments)


def test_an_event_that_no_context_registers_is_no_answer() -> None:
    with pytest.raises(UnknownName, match="There is no event named 'Unregistered'"):
        given().when(Forget(product="bolt"))
    with pytest.raises(UnknownName, match="There is no event named 'Unregistered'"):
        given(Unregistered()).when(Close(product="bolt"))


def test_an_event_that_could_not_be_stored_is_no_answer() -> None:
    with pytest.raises(PayloadTooLarge):
        THREE.when(Ship(product="bolt", quantity=1, to="a" * 1_000_001))


def test_a_command_that_no_context_has() -> None:
    class Lost(ProductCommand):
        pass

    with pytest.raises(DefinitionError, match="Lost: no CONTEXT above its module has it; register the aggregate"):
        given().when(Lost(product="bolt"))


def test_the_example() -> None:
    history = given(UserCreated(email="ann@example.org", name="Ann"), UserDeactivated())
    history.when(DeactivateUser(user_id="ann")).refused("the user is inactive.")
    history.when(UpdateUser(user_id="ann", name="Ann")).nothing()
