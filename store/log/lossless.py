"""Round trips: a payload that its JSON would not give back unchanged is refused before it is stored."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from acci.store.values.pydantic_errors import problems_of


class Lost(NamedTuple):
    """What would not come back: the path to it, and what is wrong with it."""

    field: tuple[str, ...]
    problem: str


def what_is_lost(data: BaseModel, text: str) -> Lost | None:
    """What would not come back equal when `text`, the JSON of `data`, is read; None if all would."""
    try:
        again = type(data).__pydantic_validator__.validate_json(text)
    except ValidationError as error:
        field, why = problems_of(error)[0]
        return Lost((field,) if field else (), f"could not be read back: {why}")
    if again.__dict__ == data.__dict__ and again.__pydantic_extra__ == data.__pydantic_extra__:
        return None
    return None if again == data else _difference(data, again)


def _difference(one: Any, other: Any) -> Lost | None:
    """None if the only difference is NaN, which is not equal to itself."""
    if isinstance(one, BaseModel) and type(one) is type(other):
        names = (*type(one).model_fields, *(one.model_extra or {}))
        return _first((name, getattr(one, name), getattr(other, name, None)) for name in names)
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        return _first((str(name), inner, other[name]) for name, inner in one.items())
    if type(one) is type(other) and isinstance(one, list | tuple) and len(one) == len(other):
        return _first((str(place), inner, other[place]) for place, inner in enumerate(one))
    if one == other or (isinstance(one, float) and isinstance(other, float) and one != one and other != other):  # noqa: PLR0124
        return None
    instead = "another" if type(one) is type(other) else f"a {type(other).__name__}"
    return Lost((), f"is a {type(one).__name__} that would come back as {instead}: give it a type whose JSON tells it")


def _first(parts: Iterable[tuple[str, Any, Any]]) -> Lost | None:
    for name, one, other in parts:
        if (one is not other) and (lost := _difference(one, other)):
            return Lost((name, *lost.field), lost.problem)
    return None
