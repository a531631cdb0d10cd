"""What the verbs and folds mean, case by case, as the reference engine has it; the compiled SQL is held against it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel, ValidationError

from acci.domain.errors import CannotApply
from acci.domain.events import Event, EventData, EventMetadata, RecordedEvent, Unreadable
from acci.domain.expressions.values import json_text, parse
from acci.domain.projections import (
    Delete,
    FoldProjection,
    Insert,
    Projection,
    Update,
    Upsert,
    add,
    count,
    keep,
    maximum,
    minimum,
    on,
    when,
)
from acci.domain.projections.columns import Column
from acci.domain.projections.python_folds import Row
from acci.domain.projections.reference import Rows, apply
from acci.store.testing.harness import spelled_out
from acci.store.testing.projected import assumed_columns
from tests.support.strategies.histories import Draft, History, histories
from tests.support.strategies.projections import RandomProjection, projections


class Place(BaseModel):
    city: str
    zip: str = "0000"


class Put(EventData):
    value: str | None = None


class Opened(EventData):
    start: int | None = None


class Counted(EventData):
    amount: Decimal | None = None
    number: int | None = None
    text: str | None = None


class Ended(EventData):
    pass


class Filed(EventData):
    key: str | None = None
    required: str
    level: int = 3
    place: Place | None = None


def column(name: str, kind: str, default: str | None = None) -> Column:
    return Column(name, kind, "S" if kind.startswith(("text", "char")) else "N", default, False)


COLUMNS = (
    column("tenant_id", "text"),
    column("id", "text"),
    column("last", "text", "none"),
    column("total", "numeric(8,1)", "10.0"),
    column("bare", "numeric"),
    column("first", "text"),
    column("least", "integer", "100"),
    column("most", "character varying(3)"),
    column("events", "bigint", "0"),
    column("untold", "integer", "7"),
)


class Folds(Projection):
    key = ("tenant_id", "id")

    @on(Opened)
    def opened(self, event: Any) -> Insert:
        return Insert(events=event.data.start)

    @on(Put)
    def put(self, event: Any) -> Update:
        return Update(last=event.data.value)

    @on(Counted)
    def counted(self, event: Any) -> Upsert:
        data = event.data
        return Upsert(
            total=add(data.amount),
            bare=add(data.amount),
            first=keep(data.text),
            least=minimum(data.number),
            most=maximum(data.text),
            events=count(),
        )

    @on(Ended)
    def ended(self, event: Any) -> Delete:
        return Delete(id=event.aggregate_id)


class Keys(Projection):
    key = ("tenant_id", "id")

    @on(Filed)
    def filed(self, event: Any) -> list[Upsert]:
        far = when(event.data.level > 3, "far")
        return [
            Upsert(id=event.data.key, last=event.data.required),
            Upsert(id="all", events=count()),
            Upsert(id=far, last=event.data.place.city),
        ]

    @on(Filed)
    def filed_again(self, event: Any) -> Update:
        return Update(id="all", last=event.data.place.zip)


class Latest(FoldProjection):
    key = ("tenant_id", "id")
    handles = (Put,)

    def evolve(self, _: Row | None, event: Event[Any]) -> Row | None:
        return {"last": getattr(event.data, "value", None)}


class LatestByPayload(Latest):
    key = ("tenant_id", "id")

    def keys(self, event: Event[Any]) -> list[tuple[Any, ...]]:
        return [(event.metadata.tenant_id, event.aggregate_id)]


def events(*payloads: EventData | tuple[str, dict[str, Any]]) -> list[RecordedEvent[Any]]:
    """Events of aggregate "1"; a payload may be raw, with its event type."""
    at, metadata = datetime(2024, 1, 1, tzinfo=UTC), EventMetadata("t", "c")
    named = [data if isinstance(data, tuple) else (data.event_type(), data) for data in payloads]
    return [
        RecordedEvent(UUID(int=n), "1", "A", name, n, data, metadata, at, position=n, recorded_at=at)
        for n, (name, data) in enumerate(named, 1)
    ]


def rows(projection: type[Projection], *payloads: EventData | tuple[str, dict[str, Any]]) -> Rows:
    return apply(projection, COLUMNS, {}, events(*payloads))


def one(*payloads: EventData) -> dict[str, Any]:
    (row,) = rows(Folds, *payloads).values()
    return row


def test_insert_makes_the_row_with_the_defaults_of_what_it_does_not_name() -> None:
    assert one(Opened(start=1)) == {
        "tenant_id": "t",
        "id": "1",
        "last": "none",
        "total": Decimal("10.0"),
        "bare": None,
        "first": None,
        "least": 100,
        "most": None,
        "events": 1,
        "untold": 7,
    }


def test_insert_replaces_the_row() -> None:
    row = one(Counted(amount=Decimal(5), text="x"), Put(value="y"), Opened(start=2))
    assert (row["total"], row["first"], row["last"], row["events"]) == (Decimal("10.0"), None, "none", 2)


def test_a_bare_value_in_an_insert_starts_the_fold() -> None:
    assert one(Opened(start=5), Counted(), Counted())["events"] == 7
    assert one(Opened(start=None), Counted())["events"] == 1
    assert one(Opened(start=None))["events"] is None


def test_update_changes_a_row_only_if_there_is_one() -> None:
    assert rows(Folds, Put(value="x")) == {}
    assert one(Put(value="x"), Opened(), Put(value="y"))["last"] == "y"


def test_upsert_makes_the_row_if_there_is_none() -> None:
    assert one(Counted())["events"] == 1
    assert one(Counted())["untold"] == 7


def test_delete_removes_the_row_and_its_values() -> None:
    assert rows(Folds, Counted(), Ended()) == {}
    assert rows(Folds, Ended()) == {}
    assert one(Counted(amount=Decimal(1)), Ended(), Counted())["total"] == Decimal("10.0")


def test_put_is_the_last_value_null_too() -> None:
    assert one(Opened(), Put(value="x"), Put(value=None))["last"] is None


def test_add_sums_upon_the_default_and_null_adds_nothing() -> None:
    row = one(Counted(amount=None), Counted(amount=Decimal("1.25")), Counted(amount=Decimal("1.25")))
    assert str(row["total"]) == "12.6"  # each is rounded to the column's scale before it is added
    assert str(row["bare"]) == "2.50"
    assert one(Counted())["bare"] is None


def test_keep_is_the_first_value_that_is_not_null() -> None:
    assert one(Counted(), Counted(text="b"), Counted(text="a"))["first"] == "b"


def test_minimum_and_maximum_leave_null_out_and_count_the_default() -> None:
    row = one(Counted(number=200), Counted(number=None), Counted(text="Z"), Counted(text="a"), Counted(text="é"))
    assert (row["least"], row["most"]) == (100, "é")
    assert one(Counted(number=-3))["least"] == -3


def test_several_keys_and_rules_in_order() -> None:
    found = rows(Keys, Filed(key="k", required="r", place=Place(city="Ede", zip="6711")))
    assert {key[1]: row["last"] for key, row in found.items()} == {"k": "r", "all": "6711"}


def test_a_verb_whose_key_is_null_changes_no_row() -> None:
    assert set(rows(Keys, Filed(required="r"))) == {("t", "all")}
    assert set(rows(Keys, Filed(required="r", level=4))) == {("t", "all"), ("t", "far")}


def test_given_rows_are_not_changed_in_place() -> None:
    before = apply(Folds, COLUMNS, {}, events(Counted()))
    after = apply(Folds, COLUMNS, before, events(Counted()))
    assert [row["events"] for row in (*before.values(), *after.values())] == [1, 2]


def test_a_missing_value_is_the_default_of_the_event_class() -> None:
    found = rows(Keys, ("Filed", {"required": "r", "place": {"city": "Ede"}}))
    assert found["t", "all"]["last"] == "0000"
    assert ("t", "far") not in found


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"key": "k"}, "the event has no data.required"),
        ({"key": "k", "required": None}, "the event has no data.required"),
        ({"required": "r", "level": "high"}, "'high' is not a whole number"),
        ({"required": "r", "level": 9, "place": {}}, "the event has no data.place.city"),
    ],
)
def test_an_event_that_no_rule_can_apply_is_an_error(payload: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotApply) as caught:
        rows(Keys, ("Filed", payload))
    assert (caught.value.position, caught.value.reason) == (1, reason)
    assert str(caught.value).startswith(f"keys cannot apply the Filed at position 1: {reason}. Correct the rule, or")


def test_a_missing_value_that_no_rule_uses_does_no_harm() -> None:
    assert set(rows(Keys, ("Filed", {"required": "r", "place": {"zip": "1"}}))) == {("t", "all")}


def test_rules_read_only_the_fields_they_use_of_an_unreadable_event() -> None:
    unreadable = Unreadable(payload={"value": "x", "more": 1}, reason="more is not known")
    assert rows(Folds, Opened(), ("Put", unreadable))["t", "1"]["last"] == "x"  # type: ignore[arg-type]


@pytest.mark.parametrize("fold", [Latest, LatestByPayload])
def test_a_fold_gets_only_readable_events_that_it_handles(fold: type[FoldProjection]) -> None:
    unreadable = Unreadable(payload={}, reason="value: field required.")
    assert rows(fold, Put(value="x"), ("Ended", unreadable), Ended())["t", "1"]["last"] == "x"  # type: ignore[arg-type]
    with pytest.raises(CannotApply) as caught:
        rows(fold, Put(value="x"), ("Put", unreadable))  # type: ignore[arg-type]
    assert (caught.value.position, caught.value.reason) == (2, "value: field required")


def test_the_range_of_a_sum_is_checked_at_the_end() -> None:
    huge = Decimal(9999999)
    assert one(Counted(amount=huge), Counted(amount=-huge))["total"] == Decimal("10.0")
    with pytest.raises(CannotApply, match=r"10000009\.0 is out of range for column 'total' of type numeric\(8,1\)"):
        rows(Folds, Counted(amount=huge))


def test_a_text_that_is_too_long() -> None:
    with pytest.raises(CannotApply, match=r"longer than column 'most' of type character varying\(3\)"):
        rows(Folds, Counted(text="long"))
    assert one(Counted(text="abc   "))["most"] == "abc"


def typed(draft: Draft) -> Draft:
    """The event as its class reads it, from a payload that the class allows."""
    data = {name: value for name, value in draft.data.items() if name != "anything"}
    data |= {name: ["a"] for name in ("tags",) if data.get(name) is not None}
    data |= {name: "b" for name in ("reason",) if data.get(name) is not None}
    return replace(draft, data=data)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(projections.filter(lambda made: "jsonb" not in made.table), histories)
def test_typed_events_and_their_stored_payloads_give_the_same_rows(made: RandomProjection, history: History) -> None:
    projection = made.projection
    stored, read = [], []
    for number, draft in enumerate(map(typed, history.drafts), 1):
        event = draft.at(number, number)
        try:
            data = draft.event.model_validate_json(json_text(event.data))
        except ValidationError:
            continue
        stored.append(replace(event, data=parse(data.model_dump_json(exclude_unset=True))))
        read.append(replace(event, data=data))
    columns = assumed_columns(projection, {})
    assert outcome(projection, columns, stored) == outcome(projection, columns, read)


def outcome(projection: type[Projection], columns: tuple[Column, ...], events: list[Any]) -> Any:
    try:
        return spelled_out(apply(projection, columns, {}, events))
    except CannotApply as error:
        return str(error)
