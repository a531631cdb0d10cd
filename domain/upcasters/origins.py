"""Origins: for each field of a newer payload, the expression over the older payload that gives it.

An upcaster removes names from the older payload, then puts values in, and creates missing objects around them. Python
does that to the payload itself (`Upcaster.apply`); SQL computes each field from the older payload by these expressions.

    Upcaster(1, rename={"mail": "email"})       email comes from mail
    Upcaster(1, default={"address.city": "?"})  address.city is '?'; address.street comes from address.street
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from acci.domain.errors import DefinitionError
from acci.domain.expressions.event_view import OPTIONAL, REQUIRED
from acci.domain.expressions.functions import when
from acci.domain.expressions.json_paths import ABSENT, find
from acci.domain.expressions.kinds import Kind, kind_of_value
from acci.domain.expressions.stored_fields import read_json
from acci.domain.expressions.tree import Constant, Expression, Field, Shape, Step, express, express_json
from acci.domain.expressions.values import from_json, json_of, json_text, parse
from acci.domain.upcasters.payload_shapes import (
    Demand,
    Path,
    Put,
    any_of,
    common_length,
    demands,
    exists,
    last_put,
    shape,
    starts_with,
)


class Nowhere(Field):
    """A field without an origin in the older payload: the event cannot be applied."""


class Origins:
    """The origins for the step from `version`: names are removed first, then values put in; the last put wins."""

    def __init__(self, version: int, taken: Sequence[Path], puts: Sequence[Put]) -> None:
        self._version, self._taken, self._puts = version, taken, tuple(puts)
        self._found: dict[tuple[Any, ...], Expression] = {}

    def of(self, leaf: Field) -> Expression:
        """The expression for `leaf`, a field of the newer payload. Cached, since each event needs it."""
        same = (type(leaf), leaf.kind, leaf.nullable, leaf.path, leaf.steps)
        if same not in self._found:
            self._found[same] = self._origin(leaf)
        return self._found[same]

    def _origin(self, leaf: Field) -> Expression:
        if isinstance(leaf, Shape):
            return shape(leaf.path[1:], self._taken, self._puts)
        found = self._value(leaf, self._puts)
        return Constant(leaf.kind, True, None) if isinstance(found, Nowhere) and not leaf.nullable else found

    def demands(self) -> Iterator[Demand]:
        """The conditions on an older payload, beside those of its fields."""
        return demands(self._taken, self._puts)

    def _value(self, leaf: Field, puts: tuple[Put, ...]) -> Expression:
        path = leaf.path[1:]
        given = last_put(path, puts)
        taken = None if given else next((name for name in self._taken if starts_with(path, name)), None)
        later = puts[given:]
        below = [put.name for put in later] + ([] if given or taken else [*self._taken])
        if any(starts_with(name, path) for name in below):
            reason = f"upcaster {self._version} makes it; use its fields one by one."
            raise DefinitionError(f"{'.'.join(leaf.path)} as a whole", reason)

        def found(leaf: Field) -> Expression:
            if taken is not None:
                return self._without(leaf, len(taken) - 1)
            return self._given(puts[given - 1], leaf, puts[: given - 1]) if given else leaf

        made = _with_parents(
            leaf, max((common_length(path, put.name) for put in later if put.moved is None), default=0)
        )
        expression = found(made)
        for depth in sorted({common_length(path, put.name) for put in later}):
            also = _with_parents(made, depth)
            if also is not made:
                there = [exists(put.moved) for put in later if put.moved and common_length(path, put.name) == depth]
                expression = when(any_of(there), found(also), expression)
        return expression

    def _given(self, put: Put, leaf: Field, before: tuple[Put, ...]) -> Expression:
        """The value of `leaf` within the value that was put there, or at a name above it."""
        rest = leaf.path[1 + len(put.name) :]
        own = _steps(leaf)[len(put.name) - 1 :]
        if put.moved is not None:
            return self._moved(put.name, put.moved, leaf, before)
        if not isinstance(put.value, Expression):
            return self._part(put, leaf, rest, own)
        if not rest:
            return put.value
        if not isinstance(put.value, Field):
            reason = "what it is a part of is computed by an upcaster; change it by itself."
            raise DefinitionError(".".join(leaf.path), reason)
        above = OPTIONAL if put.value.nullable and own[0].optional else REQUIRED
        path = put.value.path[1:]
        return _field(leaf, (*path, *rest), (*(above for _ in path), *own[1:]))

    def _part(self, put: Put, leaf: Field, rest: Path, own: tuple[Step, ...]) -> Expression:
        """The value of `leaf` within a literal."""
        try:
            if rest or put.value is None:
                below = Field(leaf.kind, leaf.nullable, ("data", put.name[-1], *rest), own)
                value = read_json(below, {put.name[-1]: parse(json_of(put.value))})
                return Constant(leaf.kind, value is None, value)
            return _literal(put.value, leaf.kind)
        except DefinitionError:
            raise
        except ValueError:
            return self._nowhere(leaf)

    def _moved(self, name: Path, moved: Path, leaf: Field, before: tuple[Put, ...]) -> Expression:
        """The value of `leaf` within what was at `moved`; if nothing was there, the value that it has otherwise."""
        steps, path = _steps(leaf), (*moved, *leaf.path[1 + len(name) :])
        own, above = steps[len(name) - 1 :], len(moved) - 1
        refused = not leaf.nullable and all(_default_at(leaf, place) is ABSENT for place in range(len(name)))
        earlier = last_put(leaf.path[1:], before)
        bearing = max((common_length(leaf.path[1:], put.name) for put in before), default=0)
        if not earlier and _with_parents(leaf, bearing) is leaf:
            # No test for existence is needed if one field's steps cover everything that may be missing.
            if name[:-1] == moved[:-1]:
                return replace(leaf, path=("data", *path))
            if all(step == OPTIONAL for step in steps[: len(name)]):
                return _field(leaf, path, (*(OPTIONAL for _ in moved), *own[1:]))
            if not above and all(step.default == "{}" for step in steps[: len(name) - 1]):
                return _field(leaf, path, own)
        there = _field(leaf, path, (*(REQUIRED for _ in range(above)), *own))
        if refused and not earlier:
            return there
        without = leaf if earlier else self._under_no_name(leaf, len(name) - 1)
        return when(exists(moved), there, self._value(without, before))

    def _without(self, leaf: Field, place: int) -> Expression:
        """The value of `leaf` where the name at `place` of its path was taken out."""
        value = _default_at(leaf, place)
        if place and not (value is ABSENT and not leaf.nullable):
            return self._under_no_name(leaf, place)
        return self._nowhere(leaf) if value is ABSENT else Constant(leaf.kind, value is None, value)

    def _under_no_name(self, leaf: Field, place: int) -> Field:
        """The field under a name that no payload has, so that its defaults apply."""
        path, steps = leaf.path[1:], leaf.steps
        gone = f"{path[place]} of version {self._version + 1}"
        above = [
            Step(step.optional, step.default and _renamed(step.default, path[at + 1 : place + 1], gone))
            for at, step in enumerate(steps[:place])
        ]
        return replace(leaf, path=("data", *path[:place], gone, *path[place + 1 :]), steps=(*above, *steps[place:]))

    def _nowhere(self, leaf: Field) -> Nowhere:
        return Nowhere(leaf.kind, leaf.nullable, self._under_no_name(leaf, 0).path[:2], (REQUIRED,))


def _with_parents(leaf: Field, depth: int) -> Field:
    """The field with the first `depth` names of its path created as objects where they were missing."""
    steps = _steps(leaf)
    made = replace(leaf, steps=(*(Step(step.optional, "{}") for step in steps[:depth]), *steps[depth:]))
    alike = all(repr(_default_at(leaf, place)) == repr(_default_at(made, place)) for place in range(depth))
    return leaf if alike else made


def _default_at(leaf: Field, place: int) -> Any:
    """The field's value if the name at `place` of its path is missing: from a default, or ABSENT."""
    try:
        return read_json(Field(leaf.kind, leaf.nullable, leaf.path[place:], _steps(leaf)[place:]), {})
    except ValueError:
        return ABSENT


def _renamed(default: str, path: Path, new: str) -> str:
    """The JSON of a default with the value at `path` renamed."""
    value = parse(default)
    holder = find(value, path[:-1])
    if isinstance(holder, dict) and path[-1] in holder:
        holder[new] = holder.pop(path[-1])
    return json_text(value)


def _field(leaf: Field, path: Path, steps: tuple[Step, ...]) -> Field:
    """The field at another path. Steps are left out if they only repeat whether it may be NULL."""
    plain = OPTIONAL if leaf.nullable else REQUIRED
    return Field(leaf.kind, leaf.nullable, ("data", *path), () if all(step == plain for step in steps) else steps)


def _steps(leaf: Field) -> tuple[Step, ...]:
    return leaf.steps or tuple(OPTIONAL if leaf.nullable else REQUIRED for _ in leaf.path[1:])


def _literal(value: Any, kind: Kind) -> Expression:
    """A literal as an expression of `kind`: as JSON, any value; a time or bytes are text in JSON."""
    if kind is not Kind.JSON and kind_of_value(value) is not None:
        return express(value)
    found = express_json(value)
    if kind is Kind.JSON or isinstance(found.value, dict | list):
        return found
    return Constant(kind, False, from_json(kind, found.value))
