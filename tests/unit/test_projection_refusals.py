"""What cannot be compiled is refused where the projection is defined, in a sentence with the rule and the way out."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel, Field

import acci.domain.projections as language
from acci.domain.errors import ProjectionError
from acci.domain.events import EventData
from acci.domain.projections import FoldProjection, Projection, Upsert, add, maximum, on
from acci.domain.projections.columns import Column
from acci.domain.projections.verbs import FoldKind


class Address(BaseModel):
    street: str
    zip: str | None = None


class Ordered(EventData):
    name: str
    note: str | None = None
    amount: Decimal
    lines: int
    weight: float
    express: bool
    due: datetime
    tags: list[str]
    address: Address
    token: str = Field(default_factory=lambda: uuid4().hex)


class Paid(EventData):
    amount: Decimal


NAMES: dict[str, Any] = {name: getattr(language, name) for name in language.__all__}
NAMES |= {"datetime": datetime, "UTC": UTC, "random": random}


def define(source: str, key: Any = ("tenant_id", "id")) -> type[Projection]:
    """A projection whose one rule, `ordered`, returns what `source` says of `event`."""
    rule = on(Ordered)(eval(f"lambda self, event: {source}", NAMES))  # noqa: S307 written in this file
    return type("Orders", (Projection,), {"key": key, "ordered": rule})


def refusal(source: str, key: Any = ("tenant_id", "id")) -> str:
    with pytest.raises(ProjectionError) as caught:
        define(source, key)
    return str(caught.value)


SENTENCES = (
    (
        "Insert(name='a' if event.data.express else 'b')",
        "`if`, `and`, `or`, `not` or `in` on an event's value: write when(condition, yes, no), &, | or ~.",
    ),
    ("Insert(a=event.data.express and event.data.lines)", "write when(condition, yes, no), &, | or ~."),
    ("Insert(a=not event.data.express)", "write when(condition, yes, no), &, | or ~."),
    ("Insert(a=event.data.name in ('x', 'y'))", "write when(condition, yes, no), &, | or ~."),
    ("Insert(a=1 < event.data.lines < 5)", "write when(condition, yes, no), &, | or ~."),
    (
        "Insert(name='none' if event.data.note is None else event.data.note)",
        "`is` in a rule: an event's value is a symbol, never None itself; write is_null(value).",
    ),
    (
        "[Insert(name=tag) for tag in event.data.tags]",
        "a loop over an event's value: a rule has a fixed set of keys; return a list of verbs, or fold.",
    ),
    ("Insert(a=f'{event.data.name}!')", "an f-string with an event's value: join text with concat()"),
    ("Insert(a=str(event.data.lines))", "join text with concat(); cast(value, str) what is not text."),
    ("Insert(a=int(event.data.amount))", "int() or float() of an event's value: use cast(value, int)."),
    ("Insert(a={'x': 1}[event.data.name])", "look them up with when(), or fold."),
    ("Insert(a=event.data.tags[0])", "[0] on an event's value: declare a nested model and name its field."),
    ("Insert(a=event.data.name.upper())", ".upper on an event's value: use the functions of acci.domain.proj"),
    ("Insert(a=len(event.data.name))", "it cannot be compiled (TypeError: object of type 'Field' has no len())"),
    ("Insert(a=event.data.amount / 2)", "a quotient has no exact scale; keep both numbers and divide in a query."),
    ("Insert(a=datetime.now(UTC))", "it returns something else each time: take timestamps and ids from the event"),
    ("Insert(a=random.random())", "it returns something else each time"),
    ("Insert(a=event.data.token)", "Ordered.token: its default varies"),
    ("Insert(a=event.data.nam)", "event.data.nam: Ordered has name, note, amount"),
    ("Insert(a=event.data.address.city)", "event.data.address.city: Address has street, zip."),
    ("Insert(a=event.when)", "event.when: an event has data, metadata, id, tenant_id"),
    ("Insert(a=event.metadata.ip)", "event.metadata.ip: metadata has user_id, correlation_id"),
    ("Insert(a=event.data.name == event.data.lines)", "`=`: it mixes an integer and text; give all one type"),
    ("Insert(a=when(event.data.express, 'a', 1))", "when(): it mixes an integer and text"),
    ("Insert(a=event.data.weight > event.data.amount)", "`>`: it mixes a decimal and a float"),
    ("Insert(a=event.data.name + 'x')", "`+` on text: it takes integers and decimals; join text with concat()."),
    ("Insert(a=event.data.weight + 1.5)", "`+` on a float: it takes integers and decimals"),
    ("Insert(a=event.data.note == None)", "`= None`: it is never true; write is_null(value)."),
    ("Insert(a=event.data.address == 'x')", "a comparison with a whole model: compare one of its"),
    ("Insert(a=lower(event.data.lines))", "lower(): it takes text, not an integer; cast(value, str) first."),
    ("Insert(a=concat('w', event.data.weight))", "concat(): it takes text, not a float"),
    ("Insert(a=cast(event.data.weight, str))", "cast(a float, str): there is no such cast"),
    ("Insert(a=when(event.data.lines, 1, 2))", "when(): its first argument is a condition"),
    ("Insert(a=event.data.lines & 1)", "`and`: it joins conditions; compare the value with something first."),
    ("Insert(a=coalesce(event.data.note, 0))", "coalesce(): it mixes an integer and text"),
    ("Insert(a=date_trunc('minute', event.data.due, 'UTC'))", "the unit is one of hour, day, week"),
    ("Insert(a=local_date(event.data.due, 'Europe/Amsterdm'))", "the time zone 'Europe/Amsterdm': name one"),
    ("Insert(a=local_date(event.data.due, 'CET'))", "the time zone 'CET': name one of the IANA database"),
    ("Insert(a=local_date(event.data.name, 'UTC'))", "local_date(): it takes a timestamp, not text."),
    ("Insert(a=datetime(2024, 1, 1))", "give it a time zone, such as tzinfo=UTC."),
    ("Insert(a=[1])", "the value [1]: a literal is a str, int, Decimal, float, bool, datetime"),
    ("Insert(a=2 ** 63)", "9223372036854775808 is out of range for bigint."),
    ("Insert(a='a\\x00')", "PostgreSQL holds neither NUL nor half a surrogate pair."),
    ("None", "it returns None: return Insert, Update, Upsert or Delete, or a list of them."),
    ("add(1)", "return Insert, Update, Upsert or Delete, or a list of them."),
    ("Delete(a=1)", "Delete: it takes key columns only, not a."),
    ("Upsert(a=add(event.data.weight))", "add(a float): it takes an integer or a Decimal; a float's sum"),
    ("Upsert(a=add(event.data.name))", "add(text): it takes an integer or a Decimal"),
    ("Upsert(a=minimum(event.data.express))", "minimum(a condition): it takes a number, text"),
    ("Upsert(a=maximum(event.data.address))", "maximum(a nested value): it takes a number"),
    ("[Upsert(a=add(1)), Upsert(a=keep(1))]", "column 'a' is keep here and add elsewhere; a column folds one way."),
    ("[Upsert(a=1), Upsert(a=add(1))]", "a column folds one way."),
    ("Upsert(id=add(1))", "the key column 'id': give it a bare value."),
    ("Upsert(id=event.data.weight)", "the key column 'id': a key is text, a number, a date"),
    ("Update(a=1)", "no rule makes a row; one of them must Insert or Upsert."),
)


@pytest.mark.parametrize(("source", "expected"), SENTENCES)
def test_the_sentence(source: str, expected: str) -> None:
    said = refusal(source)
    assert expected in said
    assert said.startswith("Orders")


def test_the_refusal_names_rule_and_event() -> None:
    assert refusal("Insert(a=event.data.nam)").startswith("Orders.ordered on Ordered: ")


def test_a_key_that_the_rule_must_give() -> None:
    said = refusal("Insert(a=1)", key=("tenant_id", "day", "name"))
    assert said.endswith("the key column 'day': the rule must give it.")


@pytest.mark.parametrize("key", [None, (), "id", ["id"], (1,)])
def test_a_key_is_a_tuple_of_names(key: Any) -> None:
    assert refusal("Insert(a=1)", key=key).endswith("such as key = ('tenant_id', 'id').")


def test_a_projection_has_rules() -> None:
    with pytest.raises(ProjectionError, match=r"Empty: it has no rules; mark methods with @on\(an event\)\."):
        type("Empty", (Projection,), {"key": ("id",)})


def test_rules_are_not_inherited() -> None:
    base = define("Insert(a=1)")
    with pytest.raises(ProjectionError, match="the rules of Orders are not inherited; write them here"):
        type("More", (base,), {"key": ("id",)})


def test_rules_agree_on_how_a_column_folds() -> None:
    with pytest.raises(ProjectionError, match=r"Totals.paid: column 'total' is add here and maximum elsewhere"):

        class Totals(Projection):
            key = ("tenant_id", "id")

            @on(Ordered)
            def ordered(self, event: Any) -> Upsert:
                return Upsert(total=maximum(event.data.amount))

            @on(Paid)
            def paid(self, event: Any) -> Upsert:
                return Upsert(total=add(event.data.amount))


def test_an_insert_may_start_what_others_fold() -> None:
    projection = define("[Insert(total=0), Upsert(total=add(event.data.amount), lines=count(), name=put(None))]")
    assert projection.folds == {"total": FoldKind.ADD, "lines": FoldKind.ADD, "name": FoldKind.PUT}


def column(kind: str, category: str = "X") -> Column:
    return Column("c", kind, category, None, False)


COLUMNS = (
    ("Insert(c=event.data.name)", column("integer"), "it gives text to column 'c' of type integer; give both"),
    ("Insert(c=event.data.lines)", column("text", "S"), "it gives an integer to column 'c' of type text"),
    ("Insert(c=event.timestamp)", column("date"), "it gives a timestamp to column 'c' of type date"),
    ("Insert(c=event.data.lines)", column("mood"), "it gives an integer to column 'c' of type mood"),
    (
        "Insert(c=event.data.name)",
        column("character(3)", "S"),
        "column 'c' is character(3); make it varchar(n) or text",
    ),
    ("Insert(c=event.timestamp)", column("timestamp without time zone"), "make it timestamptz"),
    ("Insert(c=event.data.weight)", column("real"), "make it double precision"),
    ("Insert(c=event.data.tags)", column("json"), "make it jsonb; json cannot be compared."),
    ("Upsert(c=add(event.data.amount))", column("double precision"), "make it bigint or numeric, which are exact."),
    ("Upsert(c=maximum(event.data.name))", column("mood"), "has no order here; put or keep its values."),
    ("Upsert(c=maximum(event.data.amount))", column("numeric"), "where 1.0 and 1.00 are equal; say numeric(p,s)."),
)


@pytest.mark.parametrize(("source", "held", "expected"), COLUMNS)
def test_what_a_column_cannot_hold(source: str, held: Column, expected: str) -> None:
    projection = define(source)
    fold = projection.rules[0].actions[0].columns["c"]
    said = held.refuses(projection.folds["c"], fold.value)
    assert said is not None
    assert expected in said


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("double precision", "key column 'c' is double precision; make it text, an integer, numeric(p,s), uuid"),
        ("jsonb", "key column 'c' is jsonb"),
        ("citext", "key column 'c' is citext"),
        ("numeric", "where 1.0 and 1.00 are equal; say numeric(p,s)."),
    ],
)
def test_what_cannot_be_a_key_column(kind: str, expected: str) -> None:
    projection = define("Upsert(c=event.data.amount)", key=("c",))
    said = column(kind).refuses_as_key(projection.rules[0].actions[0].key["c"])
    assert said is not None
    assert expected in said


class Base(EventData):
    number: int = 0


class Moved(Base):
    pass


class Far(Moved):
    pass


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ((Base,), "Base does not include its subclasses Far, Moved; name these too"),
        ((Base, Moved), "Base does not include its subclasses Far"),
        ((EventData,), "EventData is the base of all events"),
    ],
)
def test_a_base_class_does_not_stand_for_its_subclasses(named: tuple[type[EventData], ...], told: str) -> None:
    rule = on(*named)(lambda _, event: Upsert(number=event.data.number))
    with pytest.raises(ProjectionError, match=told):
        type("Moves", (Projection,), {"key": ("tenant_id", "id"), "moved": rule})
    fold = {"key": ("tenant_id", "id"), "handles": named, "evolve": lambda _, __, ___: {}}
    with pytest.raises(ProjectionError, match=told):
        type("Folded", (FoldProjection,), fold)


def test_a_base_class_can_be_named_with_all_of_its_subclasses() -> None:
    rule = on(Base, Moved, Far)(lambda _, event: Upsert(number=event.data.number))
    moves: Any = type("Moves", (Projection,), {"key": ("tenant_id", "id"), "moved": rule})
    assert moves.events() == (Base, Moved, Far)
