"""Random histories of an event's shape: its fields change step by step, and payloads of every version."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from pydantic import create_model

from domain.events import EventData
from domain.projections import after, before, cast, coalesce, concat
from domain.upcasting import Upcaster, old

Shape = dict[str, Any]  # field name to annotation

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS | st.sampled_from(["a b", " ", "a  b c", "é b"]),
    int: st.integers(-(2**40), 2**40),
    bool: st.booleans(),
    Decimal: st.decimals(-1000, 1000, places=3).map(str),
    str | None: st.none() | TEXTS,
}
START: Shape = {"a": str, "b": int, "c": str | None, "d": bool}


@dataclass
class Evolution:
    """The shapes of versions 1 …, and the steps between them."""

    shapes: list[Shape] = field(default_factory=lambda: [dict(START)])
    steps: list[Upcaster] = field(default_factory=list)

    def event(self) -> type[EventData]:
        """The event type as it is after all steps."""
        fields: Any = {name: (kind, ...) for name, kind in self.shapes[-1].items()}
        made = create_model("Changing", __base__=EventData, **fields)
        made.schema_version, made.upcasters = len(self.shapes), tuple(self.steps)
        return made

    def payloads(self) -> st.SearchStrategy[tuple[int, dict[str, Any]]]:
        """A schema version, and a payload as it was then."""

        def of(version: int) -> st.SearchStrategy[tuple[int, dict[str, Any]]]:
            values = {name: VALUES[kind] for name, kind in self.shapes[version - 1].items()}
            return st.tuples(st.just(version), st.fixed_dictionaries(values))

        return st.integers(1, len(self.shapes)).flatmap(of)


Change = Callable[[Shape, str, str], tuple[Shape, dict[str, Any]] | None]


def rename(shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]]:
    return {new if each == name else each: kind for each, kind in shape.items()}, {"rename": {name: new}}


def default(shape: Shape, _: str, new: str) -> tuple[Shape, dict[str, Any]]:
    return {**shape, new: Decimal}, {"default": {new: Decimal("2.50")}}


def drop(shape: Shape, name: str, _: str) -> tuple[Shape, dict[str, Any]]:
    return {each: kind for each, kind in shape.items() if each != name}, {"drop": (name,)}


def split(shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]] | None:
    if shape[name] is not str:
        return None
    text = old(name, str)
    return {**shape, new: str}, {"change": {name: before(text, " "), new: after(text, " ")}}


def convert(shape: Shape, name: str, new: str) -> tuple[Shape, dict[str, Any]] | None:
    if shape[name] is int:
        return {**shape, name: Decimal}, {"change": {name: cast(old(name, int), Decimal) * Decimal("0.01")}}
    if shape[name] is bool:
        return {**shape, name: int}, {"change": {name: cast(old(name, bool), int)}}
    if shape[name] == str | None:
        return {**shape, name: str}, {"change": {name: coalesce(old(name, str | None), "none")}}
    if shape[name] is Decimal:
        return {**shape, new: str}, {"change": {new: concat(cast(old(name, Decimal), str), " EUR")}}
    return None


CHANGES: list[Change] = [rename, default, drop, split, convert]


@st.composite
def evolutions(draw: st.DrawFn) -> Evolution:
    """An event type that has changed up to five times."""
    evolution = Evolution()
    for version in range(1, draw(st.integers(1, 5)) + 1):
        shape = evolution.shapes[-1]
        if not shape:
            break
        changed = draw(st.sampled_from(CHANGES))(shape, draw(st.sampled_from(sorted(shape))), f"n{version}")
        newer, step = changed or (shape, {})
        evolution.shapes.append(newer)
        evolution.steps.append(Upcaster(version, **step))
    return evolution
