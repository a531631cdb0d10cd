"""Trials of the contract: what is called compatible is read, and what is not has a payload that is not read."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, Field, FiniteFloat, create_model

from acci.domain.errors import DefinitionError
from acci.domain.events import EventData, Unreadable
from acci.domain.upcasting import Upcaster, check_upcasters, old
from acci.store.contract.examples import examples
from acci.store.contract.shapes import stored_shape
from acci.store.contract.trial import unread, why_unread
from acci.store.log.decoding import Decoder
from acci.store.testing.strategies import events


class Place(BaseModel):
    city: str
    zip: str | None = None


class NarrowPlace(BaseModel):
    city: Annotated[str, Field(max_length=40)]


FAMILIES: list[list[Any]] = [
    [
        str,
        Annotated[str, Field(max_length=10)],
        Annotated[str, Field(min_length=1, max_length=80)],
        Annotated[str, Field(pattern=r"^\d+$")],
        Literal["a", "b"],
        Literal["a"],
        UUID,
        Decimal,
    ],
    [
        int,
        Annotated[int, Field(ge=0)],
        Annotated[int, Field(ge=-5, lt=100)],
        Annotated[int, Field(multiple_of=5)],
        Literal[1, 2],
        bool,
        float,
        Decimal,
    ],
    [
        float,
        FiniteFloat,
        Annotated[float, Field(gt=0, le=1)],
        Decimal,
        Annotated[Decimal, Field(ge=0, max_digits=8, decimal_places=2)],
        Annotated[Decimal, Field(ge=0, max_digits=9, decimal_places=3)],
    ],
    [date, datetime, AwareDatetime, str],
    [list[int], list[str], Annotated[list[int], Field(max_length=3)], set[int], tuple[int, str], tuple[int, ...]],
    [Place, NarrowPlace, dict[str, Any], dict[str, int], dict[str, str], Any],
]
TYPES = [kind for family in FAMILIES for kind in family]
NAMES = ("one", "two", "three")


@st.composite
def field(draw: st.DrawFn, kinds: list[Any]) -> Any:
    """A field of one of the kinds, as `create_model` takes it."""
    kind = draw(st.sampled_from(kinds))
    match draw(st.sampled_from(("required", "default", "null"))):
        case "required":
            return (kind, ...)
        case "default":
            return (kind | None, None)
    return (kind | None, ...)


def declared() -> st.SearchStrategy[dict[str, Any]]:
    """Fields by name."""
    return st.dictionaries(st.sampled_from(NAMES), field(TYPES), max_size=3)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[type[EventData], type[EventData]]:
    """An event class, and what became of it: often one field's type, else others; an upcaster or none."""
    before = draw(declared())
    if draw(st.integers(0, 2)):
        family, name = draw(st.sampled_from(FAMILIES)), draw(st.sampled_from(NAMES))
        before = {**before, name: draw(field(family))}
        after = {**before, name: draw(field(family))}
    else:
        after = draw(declared())
    former: type[EventData] = create_model("Happened", __base__=EventData, **before)
    version = draw(st.sampled_from((1, 1, 2)))
    upcasters: tuple[Upcaster, ...] = ()
    if version == 2 and draw(st.booleans()):
        upcasters = (draw(upcaster(list(before), list(after))),)
    today: type[EventData] = create_model("Happened", __base__=EventData, **after)
    today.schema_version, today.upcasters = version, upcasters
    try:
        check_upcasters(today)
    except DefinitionError:
        assume(False)
    return former, today


@st.composite
def upcaster(draw: st.DrawFn, before: list[str], after: list[str]) -> Upcaster:
    lost, new = [n for n in before if n not in after], [n for n in after if n not in before]
    rename = dict(zip(lost, new, strict=False)) if draw(st.booleans()) else {}
    others = [name for name in new if name not in rename.values()]
    values: st.SearchStrategy[Any] = st.sampled_from(("a", 1, None, 0.5, [], {"city": "Delft"}))
    default = {name: draw(values) for name in others}
    change: dict[str, Any] = {}
    converts = draw(st.booleans())
    if before and after and converts:
        kinds: st.SearchStrategy[Any] = st.sampled_from((str, int))
        change = {draw(st.sampled_from(after)): old(draw(st.sampled_from(before)), draw(kinds))}
    return Upcaster(1, rename=rename, default=default, change=change, drop=tuple(n for n in lost if n not in rename))


def stored_payloads(event: type[EventData]) -> st.SearchStrategy[dict[str, Any]]:
    """What the log may have of it: as it is stored, and without fields that were not there when it was."""

    def without(pair: tuple[EventData, set[str]]) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(pair[0].model_dump_json())
        return {name: value for name, value in payload.items() if name not in pair[1]}

    optional = [name for name, field in event.model_fields.items() if not field.is_required()]
    left_out = st.sets(st.sampled_from(optional)) if optional else st.just(set[str]())
    return st.tuples(events(event), left_out).map(without)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(pairs(), st.data())
def test_compatible_is_what_reads_every_payload_of_the_old_class(
    pair: tuple[type[EventData], type[EventData]], data: st.DataObject
) -> None:
    former, today = pair
    shape = json.loads(json.dumps(stored_shape(former)))  # as it comes from the committed file
    found = unread(today, 1, shape)
    note(f"{shape} {stored_shape(today)} {today.schema_version} {today.upcasters} {found}")
    if found is not None:
        refusing = [each for each in examples(shape) if why_unread(today, 1, each) is not None]
        former.model_validate_json(json.dumps(refusing[0]))  # it is one that the old class accepts
        assert "…" in found.example or json.loads(found.example) == refusing[0]
        return
    for payload in [data.draw(stored_payloads(former)) for _ in range(5)]:
        note(f"{payload}")
        read = Decoder({"Happened": today}).data("Happened", 1, json.dumps(payload), uuid4())
        assert not isinstance(read, Unreadable), read
        assert why_unread(today, 1, payload) is None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(declared())
def test_a_class_accepts_each_example_of_its_own_shape(fields: dict[str, Any]) -> None:
    event: type[EventData] = create_model("Happened", __base__=EventData, **fields)
    found = examples(stored_shape(event))
    assert found
    for each in found:
        event.model_validate_json(json.dumps(each))
    assert unread(event, 1, stored_shape(event)) is None
