"""The JSON types in a payload after an upcaster, and what the older payload must have, both as expressions over it."""

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
    """A name that an upcaster writes: the value at `moved`, if there is one, else `value`, an expression or a literal.

    Example: rename={"mail": "email"} is Put(("email",), moved=("mail",)).
    """

    name: Path
    moved: Path | None = None
    value: Any = None


class Demand(NamedTuple):
    """A condition on an older payload, and what the event lacks if it does not hold, for the error."""

    holds: Expression
    lacking: str


def demands(taken: Sequence[Path], puts: tuple[Put, ...]) -> Iterator[Demand]:
    """The conditions on an older payload, beside those of its fields.

    A value can only be put into an object. And where an old name is missing, its new name must be missing too: with
    rename={"mail": "email"}, a payload that has `email` and no `mail` may be of either version.
    """
    for place, put in enumerate(puts):
        for length in range(1, len(put.name)):
            above = put.name[:length]
            found = shape(above, taken, puts[:place])
            known = isinstance(found, Constant) and found.value in {None, "object"}
            if known or (put.moved is not None and starts_with(put.moved[:-1], above)):
                continue
            holds = coalesce(found, "object") == "object"
            if put.moved is not None:
                holds = any_of([is_null(_shape_at(put.moved)), holds])
            yield Demand(holds, f"object at data.{'.'.join(above)}")
    for name in dict.fromkeys(put.name for put in puts if put.moved):
        if not any(starts_with(name, gone) for gone in taken):
            moved = [put.moved for put in puts if put.name == name and put.moved]
            holds = any_of([*map(exists, moved), is_null(_shape_at(name))])
            yield Demand(holds, f"data.{'.'.join(moved[0])}, yet data.{'.'.join(name)}")


def shape(path: Path, taken: Sequence[Path], puts: tuple[Put, ...]) -> Expression:
    """The JSON type that the newer payload has at `path`."""
    given = last_put(path, puts)
    below = [put.moved for put in puts[given:] if starts_with(put.name, path)]
    if None in below:
        return OBJECT
    if not given:
        found: Expression = NULL if any(starts_with(path, name) for name in taken) else _shape_at(path)
    else:
        found = _shape_given(puts[given - 1], path, taken, puts[: given - 1])
    return when(any_of([exists(moved) for moved in below if moved]), OBJECT, found) if below else found


def _shape_given(put: Put, path: Path, taken: Sequence[Path], before: tuple[Put, ...]) -> Expression:
    rest = path[len(put.name) :]
    if put.moved is not None:
        there = _shape_at((*put.moved, *rest))
        return when(exists(put.moved), there, shape(path, taken, before)) if last_put(path, before) else there
    value = put.value
    if not isinstance(value, Expression):
        found = find(parse(json_of(value)), rest)
        return NULL if found is ABSENT else express(json_type(found))
    if isinstance(value, Field) and value.kind is Kind.JSON:
        there = _shape_at((*value.path[1:], *rest))
        return there if rest else coalesce(there, "null")
    if rest:
        return NULL
    # For a computed value it matters only whether it can have fields.
    return when(is_null(value), "null", "object" if value.kind is Kind.JSON else "string")


def last_put(path: Path, puts: tuple[Put, ...]) -> int:
    """The place, from 1, of the last put to the path or to one above it; 0 if there is none."""
    return max((place for place, put in enumerate(puts, 1) if starts_with(path, put.name)), default=0)


def exists(path: Path) -> Expression:
    return ~is_null(_shape_at(path))


def _shape_at(path: Path) -> Shape:
    return Shape(Kind.TEXT, True, ("data", *path))


def any_of(conditions: list[Expression]) -> Expression:
    return conditions[0] if len(conditions) == 1 else logic("or", *conditions)


def starts_with(path: Path, name: Path) -> bool:
    return path[: len(name)] == name


def common_length(path: Path, name: Path) -> int:
    """The length of the paths' common beginning: 1 for a.b and a.c."""
    same = [one == other for one, other in zip(path, name, strict=False)]
    return [*same, False].index(False)
