"""Random histories of an event's shape: its fields change step by step, and payloads of every version."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, create_model

from acci.domain.events import EventData
from acci.domain.projections import after, before, cast, coalesce, concat
from acci.domain.upcasting import Upcaster, old

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS | st.sampled_from(["a b", " ", "a  b c", "é b"]),
    int: st.integers(-(2**40), 2**40),
    bool: st.booleans(),
    Decimal: st.decimals(-1000, 1000, places=3).map(str),
    str | None: st.none() | TEXTS,
}


class Model(BaseModel):
    model_config = EventData.model_config


class Inner(Model):
    x: int = 7
    y: str | None = None


DEFAULTS: tuple[tuple[Any, Any], ...] = (
    (Decimal, Decimal("2.50")),
    (str, "it's"),
    (str | None, None),
    (list[str], ["none", "it's", '"', "50%", ":x", "\\", "é", "\n"]),
    (dict[str, Any], {"n": 1, "a": "it's", "%": None, "e": [], "f": 1.5}),
    (tuple[int, ...], (1, 2)),
    (set[str], {"x"}),
    (list[bool], [True]),
    (list[Decimal], [Decimal("1.50")]),
    (list[date], [date(2020, 1, 31)]),
    (list[Inner], [Inner(x=1)]),
    (int | str, 5),
    (Any, "5"),
    (bytes, b"\xff\x00"),
    (time, time(1, 2)),
)


class Shape(NamedTuple):
    """A version's fields by dotted name, and the models that hold some of them: whether they may be null."""

    fields: dict[str, Any]
    models: dict[str, bool]

    def all_but(self, *names: str) -> "Shape":
        return Shape({name: kind for name, kind in self.fields.items() if name not in names}, self.models)

    def may_be_null(self, name: str) -> bool:
        """Whether the model that holds the field may be."""
        return self.models.get(name.rpartition(".")[0], False)


START = Shape(
    {"a": str, "b": int, "c": str | None, "d": bool, "m.x": int, "m.y": str | None, "o.s": str, "o.t": str | None},
    {"m": False, "o": True},
)
# Fields of today's model that were never stored.
UNSAID: dict[str, tuple[Any, Any]] = {
    "unsaid": (int, 7),
    "maybe": (str | None, None),
    "listed": (list[str], ["it's"]),
    "inner": (Inner, Inner(x=3)),
}


@dataclass
class Evolution:
    """The shapes of versions 1 …, the steps between them, and how today's models are declared.

    `lenient`: what may be null need not be there either. `returned`: dropped fields that are back with a default.
    """

    shapes: list[Shape] = field(default_factory=lambda: [START])
    steps: list[Upcaster] = field(default_factory=list)
    lenient: bool = False
    unsaid: tuple[str, ...] = ()
    returned: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def event(self) -> type[EventData]:
        """The event type as it is after all steps."""
        today = self.shapes[-1]
        held: dict[str, dict[str, Any]] = {"": {}}
        for name, kind in today.fields.items():
            model, _, last = name.rpartition(".")
            held.setdefault(model, {})[last] = (kind, None if kind == str | None and self.lenient else ...)
        for name, declared in self.returned.items():
            model, _, last = name.rpartition(".")
            if model in held:
                held[model][last] = declared
        top = held.pop("")
        for model, fields in held.items():
            made: Any = create_model(model, __base__=Model, **(fields | {name: UNSAID[name] for name in self.unsaid}))
            null = today.models[model]
            top[model] = (made | None if null else made, None if null and self.lenient else ...)
        event = create_model("Changing", __base__=EventData, **top)
        event.schema_version, event.upcasters = len(self.shapes), tuple(self.steps)
        return event

    def payloads(self) -> st.SearchStrategy[tuple[int, dict[str, Any]]]:
        """A schema version, and a payload as it was then, or nearly."""
        return st.integers(1, len(self.shapes)).flatmap(
            lambda version: st.tuples(st.just(version), _payloads(self.shapes[version - 1], self.shapes[version:]))
        )


@st.composite
def _payloads(draw: st.DrawFn, shape: Shape, later: list[Shape]) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    absent = draw(st.booleans())
    for model, null in shape.models.items():
        if any(name.startswith(f"{model}.") for name in shape.fields):
            payload[model] = None if null and draw(st.booleans()) else {}
    for name, kind in shape.fields.items():
        model, _, last = name.rpartition(".")
        value = draw(VALUES[kind] if kind in VALUES else st.sampled_from(_stored(kind)))
        holder = payload[model] if model else payload
        if holder is not None and not (value is None and absent):
            holder[last] = value
    known = sorted({*shape.fields, *shape.models})
    match draw(st.sampled_from([None, None, "gone", "null", "new"])):
        case "gone":
            _change(payload, draw(st.sampled_from(known)), lambda holder, last: holder.pop(last, None))
        case "null":
            _change(payload, draw(st.sampled_from(known)), lambda holder, last: holder.update({last: None}))
        case "new" if names := sorted({name for each in later for name in each.fields}.difference(known)):
            name = draw(st.sampled_from(names))
            kind = next(each.fields[name] for each in later if name in each.fields)
            value = draw(VALUES[kind] if kind in VALUES else st.sampled_from(_stored(kind)))
            _change(payload, name, lambda holder, last: holder.update({last: value}))
    return payload


def _change(payload: dict[str, Any], name: str, change: Callable[[dict[str, Any], str], object]) -> None:
    model, _, last = name.rpartition(".")
    holder = payload.setdefault(model, {}) if model else payload
    if isinstance(holder, dict):
        change(holder, last)


def _stored(kind: Any) -> list[Any]:
    """What a payload may have for a field of a kind that only defaults are of."""
    stored = TypeAdapter(kind, config=EventData.model_config)
    return [stored.dump_python(value, mode="json") for each, value in DEFAULTS if each == kind]


Change = Callable[[st.DrawFn, Shape, str, str], tuple[Shape, dict[str, Any]] | None]


def place(draw: st.DrawFn, shape: Shape, new: str) -> tuple[Shape, str]:
    """A new name: of the event, of a model that it has, or of one that comes with it."""
    models = {f"new_{new}": draw(st.booleans())} if draw(st.booleans()) else shape.models
    model = draw(st.sampled_from(["", *models]))
    return Shape(shape.fields, shape.models | models if model in models else shape.models), f"{model}.{new}".lstrip(".")


def rename(draw: st.DrawFn, shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]]:
    larger, target = place(draw, shape, new)
    fields = {target if each == name else each: kind for each, kind in larger.fields.items()}
    return Shape(fields, larger.models), {"rename": {name: target}}


def rename_within(draw: st.DrawFn, shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]]:
    target = ".".join([*name.split(".")[:-1], new])
    fields = {target if each == name else each: kind for each, kind in shape.fields.items()}
    return Shape(fields, shape.models), {"rename": {name: target}}


def rename_model(draw: st.DrawFn, shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]] | None:
    model, dot, _ = name.rpartition(".")
    if not dot:
        return None
    fields = {f"{new}{each[len(model) :]}" if each.startswith(model + dot) else each: k for each, k in shape[0].items()}
    models = {new if each == model else each: null for each, null in shape.models.items()}
    return Shape(fields, models), {"rename": {model: new}}


def default(draw: st.DrawFn, shape: Shape, _: str, new: str) -> tuple[Shape, dict[str, Any]]:
    larger, target = place(draw, shape, new)
    kind, value = draw(st.sampled_from(DEFAULTS))
    return Shape({**larger.fields, target: kind}, larger.models), {"default": {target: value}}


def default_model(draw: st.DrawFn, shape: Shape, _: str, new: str) -> tuple[Shape, dict[str, Any]]:
    larger = Shape(
        {**shape.fields, f"{new}.x": int, f"{new}.y": str | None}, {**shape.models, new: draw(st.booleans())}
    )
    return larger, {"default": {new: draw(st.sampled_from([Inner(), {"x": 1, "y": "%"}]))}}


def drop(draw: st.DrawFn, shape: Shape, name: str, _: str) -> tuple[Shape, dict[str, Any]]:
    return shape.all_but(name), {"drop": (name,)}


def split(draw: st.DrawFn, shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]] | None:
    if shape.fields[name] is not str or shape.may_be_null(name):
        return None
    text = old(name, str)
    larger, target = place(draw, shape, new)
    said = {name: before(text, " "), target: after(text, " ")}
    return Shape({**larger.fields, target: str}, larger.models), {"change": said}


def convert(draw: st.DrawFn, shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]] | None:
    if shape.may_be_null(name):
        return None
    kind = shape.fields[name]
    to: Any
    if kind is int:
        to, said = Decimal, cast(old(name, int), Decimal) * Decimal("0.01")
    elif kind is bool:
        to, said = int, cast(old(name, bool), int)
    elif kind == str | None:
        to, said = str, coalesce(old(name, str | None), "none")
    elif kind is Decimal:
        larger, target = place(draw, shape, new)
        said = concat(cast(old(name, Decimal), str), " EUR")
        return Shape({**larger.fields, target: str}, larger.models), {"change": {target: said}}
    else:
        return None
    return Shape({**shape.fields, name: to}, shape.models), {"change": {name: said}}


CHANGES: list[Change] = [rename, rename_within, rename_model, default, default_model, drop, split, convert]


@st.composite
def evolutions(draw: st.DrawFn) -> Evolution:
    """An event type that has changed up to five times."""
    evolution = Evolution(lenient=draw(st.booleans()), unsaid=draw(st.sampled_from([(), tuple(UNSAID)])))
    for version in range(1, draw(st.integers(1, 5)) + 1):
        shape = evolution.shapes[-1]
        name = draw(st.sampled_from(sorted(shape.fields)))
        changed = draw(st.sampled_from(CHANGES))(draw, shape, name, f"n{version}")
        newer, step = changed or (shape, {})
        evolution.shapes.append(newer)
        evolution.steps.append(Upcaster(version, **step))
        if "drop" in step and draw(st.booleans()):
            evolution.returned[name] = draw(st.sampled_from(DEFAULTS))
    return evolution
