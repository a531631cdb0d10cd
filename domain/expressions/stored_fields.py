"""Stored fields: a field's value read from a stored payload, by the same rules as in the compiled SQL."""

from itertools import chain, repeat
from typing import Any

from acci.domain.expressions.json_paths import ABSENT, find
from acci.domain.expressions.tree import Field, Shape, Step
from acci.domain.expressions.values import from_json, json_type, parse


def read_json(field: Field, stored: Any) -> Any:
    """The value of `field` in `stored`, its event's data or metadata as parsed JSON; None for NULL.

    Raises `ValueError` for a required value that is missing, or one that is not of the field's kind.
    """
    if isinstance(field, Shape):
        found = find(stored, field.path[1:])
        return None if found is ABSENT else json_type(found)
    unknown = Step(True, "null") if field.nullable else Step(False, None)
    value = stored
    for name, step in zip(field.path[1:], chain(field.steps, repeat(unknown)), strict=False):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif step.default is not None:
            value = parse(step.default)
        else:
            raise ValueError(f"the event has no {'.'.join(field.path)}")
        if value is None and not step.optional:
            raise ValueError(f"the event has no {'.'.join(field.path)}")
        if value is None:
            return None
    return from_json(field.kind, value)
