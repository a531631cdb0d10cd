"""What sort of JSON an older payload has at a name, and what it must have, told of an upcaster as expressions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from acci.domain.expressions.functions import coalesce, is_null, when
from acci.domain.expressions.json_paths import ABSENT, find
from acci.domain.expressions.kinds import Kind
from acci.domain.expressions.tree import Constant, Expression, Field, Shape, express, logic
from acci.domain.expressions.values import json_of, json_type, parse

Path = tuple[str, ...]
NULL, OBJECT = Constant(Kind.TEXT, True, None), Constant(Kind.TEXT, False, "object")


@dataclass(frozen=True)
class Put:
    """What gets a name: what was under `moved`, if anything was, or else `value`, an expression or a literal."""

    name: Path
    moved: Path | None = None
    value: Any = None


class Demand(NamedTuple):
    """A condition on an older payload, and what the event has not if it does not hold."""

    holds: Expression
    lacking: str


def demands(taken: Sequence[Path], puts: tuple[Put, ...]) -> Iterator[Demand]:
    """What must hold of an older payload, beside what it must have for its fields.

    What values are put into is an object. And a new name is not there yet where the old one is missing: which of
    the two shapes such a payload has could only be guessed.
    """
    for place, put in enumerate(puts):
        for length in range(1, len(put.name)):
            above = put.name[:length]
            found = shape(above, taken, puts[:place])
            known = isinstance(found, Constant) and found.value in {None, "object"}
            if known or (put.moved is not None and starts(put.moved[:-1], above)):
                continue
            holds = coalesce(found, "object") == "object"
            if put.moved is not None:
                holds = any_of([is_null(_shape_at(put.moved)), holds])
            yield Demand(holds, f"object at data.{'.'.join(above)}")
    for name in dict.fromkeys(put.name for put in puts if put.moved):
        if not any(starts(name, gone) for gone in taken):
            moved = [put.moved for put in puts if put.name == name and put.moved]
            holds = any_of([*map(is_there, moved), is_null(_shape_at(name))])
            yield Demand(holds, f"data.{'.'.join(moved[0])}, yet data.{'.'.join(name)}")


def shape(path: Path, taken: Sequence[Path], puts: tuple[Put, ...]) -> Expression:
    """What sort of JSON the newer payload has at `path`."""
    given = giving(path, puts)
    below = [put.moved for put in puts[given:] if starts(put.name, path)]
    if None in below:
        return OBJECT
    if not given:
        found: Expression = NULL if any(starts(path, name) for name in taken) else _shape_at(path)
    else:
        found = _shape_given(puts[given - 1], path, taken, puts[: given - 1])
    return when(any_of([is_there(moved) for moved in below if moved]), OBJECT, found) if below else found


def _shape_given(put: Put, path: Path, taken: Sequence[Path], before: tuple[Put, ...]) -> Expression:
    rest = path[len(put.name) :]
    if put.moved is not None:
        there = _shape_at((*put.moved, *rest))
        return when(is_there(put.moved), there, shape(path, taken, before)) if giving(path, before) else there
    value = put.value
    if not isinstance(value, Expression):
        found = find(parse(json_of(value)), rest)
        return NULL if found is ABSENT else express(json_type(found))
    if isinstance(value, Field) and value.kind is Kind.JSON:
        there = _shape_at((*value.path[1:], *rest))
        return there if rest else coalesce(there, "null")
    if rest:
        return NULL
    # Of what is computed it matters only whether it may have fields.
    return when(is_null(value), "null", "object" if value.kind is Kind.JSON else "string")


def giving(path: Path, puts: tuple[Put, ...]) -> int:
    """The place, from 1, of the last put under the path's name or one above it; 0 if there is none."""
    return max((place for place, put in enumerate(puts, 1) if starts(path, put.name)), default=0)


def is_there(path: Path) -> Expression:
    return ~is_null(_shape_at(path))


def _shape_at(path: Path) -> Shape:
    return Shape(Kind.TEXT, True, ("data", *path))


def any_of(conditions: list[Expression]) -> Expression:
    return conditions[0] if len(conditions) == 1 else logic("or", *conditions)


def starts(path: Path, name: Path) -> bool:
    return path[: len(name)] == name


def common(path: Path, name: Path) -> int:
    """How many names both begin with."""
    alike = [one == other for one, other in zip(path, name, strict=False)]
    return [*alike, False].index(False)
