"""Upcasters: every sort of step, chained; and declarations that cannot work, refused when they are made."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, Field

from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError, ProjectionError
from acci.domain.events import EventData, Unreadable, Unregistered
from acci.domain.expressions.event_view import EventView
from acci.domain.expressions.values import json_of
from acci.domain.projections import Insert, Projection, cast, coalesce, on
from acci.domain.upcasting import Upcaster, WrongShape, check_upcasters, leaf_of, old, upcast
from acci.store.log.decoding import Decoder
from tests.domains.ledger import Opened, Paid


def brought(event: type[EventData], version: int, **payload: Any) -> EventData:
    return event.model_validate_json(upcast(event, version, json.dumps(payload)))


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (1, {"name": "Ann van Berg", "nation": "NL"}),
        (2, {"holder": "Ann van Berg", "nation": "NL", "currency": "EUR", "branch": "Delft"}),
        (3, {"owner": {"given": "Ann", "family": "van Berg", "country": "NL"}, "currency": "EUR", "branch": "Delft"}),
        (4, {"owner": {"given": "Ann", "family": "van Berg", "country": "NL"}, "currency": "EUR"}),
    ],
)
def test_every_older_shape_becomes_todays(version: int, payload: dict[str, Any]) -> None:
    today = {"owner": {"given": "Ann", "family": "van Berg", "country": "NL"}, "currency": "EUR"}
    assert json.loads(upcast(Opened, version, json.dumps(payload))) == today


def test_what_no_step_names_stays_as_it_is() -> None:
    payload = '{"name": "A B", "nation": "NL", "note": "kept", "more": [1, 2.50, null]}'
    assert json.loads(upcast(Opened, 1, payload))["more"] == [1, 2.5, None]
    assert "2.50" in upcast(Opened, 1, payload)


def test_a_value_is_converted_exactly() -> None:
    assert brought(Paid, 1, cents=1234567890123456789) == Paid(amount=Decimal("12345678901234567.89"))


def test_a_payload_of_another_shape_is_not_upcast() -> None:
    with pytest.raises(ValueError, match=r"has no data\.cents"):
        upcast(Paid, 1, '{"amount": "1"}')
    with pytest.raises(ValueError, match="not a whole number"):
        upcast(Paid, 1, '{"cents": "1.5"}')
    with pytest.raises(WrongShape, match="no object"):
        upcast(Paid, 1, "[]")


def test_a_payload_with_the_new_name_and_not_the_old_has_no_known_shape() -> None:
    with pytest.raises(WrongShape, match="it has no name, yet holder"):
        upcast(Opened, 1, '{"holder": "Ann Berg", "nation": "NL"}')
    taken = Upcaster(1, rename={"a": "b"}, drop=("b",))
    assert taken.apply({"b": 8}) == {}
    assert taken.apply({"a": 1, "b": 8}) == {"b": 1}
    assert Upcaster(1, rename={"a": "b"}).apply({"a": 1, "b": 8}) == {"b": 1}
    assert Upcaster(1, rename={"a": "b", "b": "a"}).apply({"a": 1}) == {"b": 1}


def test_reading_never_fails_but_says_why() -> None:
    decoder = Decoder({"Paid": Paid})
    assert decoder.data("Paid", 1, '{"cents": 150}', uuid4()) == Paid(amount=Decimal("1.50"))
    reasons = {
        ("Paid", 1, '{"cents": null}'): "the event has no data.cents.",
        ("Paid", 2, '{"amount": "x"}'): "amount: input should be a valid decimal.",
        ("Paid", 3, '{"amount": "1"}'): "its schema version is 3, and this code knows 2 at most.",
        ("Refunded", 1, '{"amount": 1.5}'): "no event type Refunded is registered.",
    }
    for (name, version, text), reason in reasons.items():
        kind = Unreadable if name == "Paid" else Unregistered
        assert decoder.data(name, version, text, uuid4()) == kind(payload=json.loads(text), reason=reason)


def test_a_json_value_that_a_step_moves_is_unchanged() -> None:
    class Listed(EventData):
        schema_version: ClassVar[int] = 2
        upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1, change={"new": old("list", Any)}),)

    assert json.loads(upcast(Listed, 1, '{"list": [1.50, {"a": 2.0}, null]}'))["new"] == [1.5, {"a": 2.0}, None]


def test_a_default_is_the_same_json_in_every_process() -> None:
    """Sets have another order in each, and a fingerprint must not."""
    assert json_of({"c", "a", "b"}) == '["a","b","c"]'
    assert json_of({"x": [frozenset({10, 9}), {"a", 1}]}) == '{"x":[[9,10],["a",1]]}'


class Gap(EventData):
    schema_version: ClassVar[int] = 3
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1),)


class Beyond(EventData):
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1),)


class OtherKind(EventData):
    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1, change={"amount": old("amount", str)}),)
    amount: Decimal


class MayBeNull(EventData):
    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1, change={"name": old("nick", str | None)}),)
    name: str


class Gone(EventData):
    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1, drop=("name",)),)
    name: str


class Unstorable(EventData):
    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1, default={"names": ["a", "\0"]}),)
    names: list[str]


class WithoutJson(EventData):
    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1, default={"names": [object()]}),)
    names: list[Any]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Unstorable, "PostgreSQL holds no NUL in a text."),
        (WithoutJson, "it has no JSON"),
        (Gap, "its upcasters are from 1; they must lead, step by step, to 3."),
        (Beyond, "its upcasters are from 1; they must lead, step by step, to 1."),
        (OtherKind, "OtherKind.amount: it is numeric, and from version 1 text comes."),
        (MayBeNull, "MayBeNull.name: it is text, and from version 1 text or null comes."),
        (Gone, "Gone.name: it is text, and from version 1 text or null comes."),
    ],
)
def test_upcasters_that_do_not_lead_to_todays_shape_are_refused(event: type[EventData], said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        check_upcasters(event)
    assert said in str(refused.value)
    with pytest.raises(DefinitionError):
        Context(name="x", sql=Path(), events=(event,))


class Tree(BaseModel):
    tag: UUID = Field(default_factory=uuid4)
    size: int = 1
    below: "Tree | None" = None


class Returned(EventData):
    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (Upcaster(1, drop=("number", "tree", "tag")),)
    number: int = 5
    tree: Tree = Tree(tag=UUID(int=1), size=2)
    tag: UUID = Field(default_factory=uuid4)


def test_a_dropped_field_may_return_with_a_default() -> None:
    check_upcasters(Returned)
    read = brought(Returned, 1, number="of another shape", tree=3, tag=4)
    assert isinstance(read, Returned)
    assert (read.number, read.tree.size) == (5, 2)
    size = EventView(Returned, leaf_of(Returned)).data.tree.size
    assert size.arguments[1].value == 2


class Place(BaseModel):
    city: str


class Moved(EventData):
    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[tuple[Upcaster, ...]] = (
        Upcaster(1, change={"to.city": coalesce(old("city", str | None), "?"), "steps": cast(old("n", str), int)}),
    )
    to: Place
    steps: int


def test_a_model_that_a_step_makes_is_used_field_by_field() -> None:
    assert brought(Moved, 1, n="7") == Moved(to=Place(city="?"), steps=7)
    with pytest.raises(ProjectionError, match=r"upcaster 1 makes it; use its fields one by one"):

        class Places(Projection):
            key = ("id",)

            @on(Moved)
            def moved(self, event: Any) -> Insert:
                return Insert(place=event.data.to)
