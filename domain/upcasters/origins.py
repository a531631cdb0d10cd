"""Where a field of a payload comes from in the payload of the version before: an upcaster, told as expressions.

An upcaster takes names out of the older payload, then puts values in, and makes the objects on the way to them. What a
field has after that is told here without doing it, so that SQL finds in an older payload what Python makes of it.
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
    common,
    demands,
    giving,
    is_there,
    shape,
    starts,
)


class Nowhere(Field):
    """A field that no payload of the older version can give: the event cannot be applied."""


class Origins:
    """What the step from `version` takes and puts, in order: where several say what a name has, the last one does."""

    def __init__(self, version: int, taken: Sequence[Path], puts: Sequence[Put]) -> None:
        self._version, self._taken, self._puts = version, taken, tuple(puts)
        self._found: dict[tuple[Any, ...], Expression] = {}

    def of(self, leaf: Field) -> Expression:
        """What gives `leaf`, a field of the newer payload, from the older. Told once: it is asked for each event."""
        said = (type(leaf), leaf.kind, leaf.nullable, leaf.path, leaf.steps)
        if said not in self._found:
            self._found[said] = self._origin(leaf)
        return self._found[said]

    def _origin(self, leaf: Field) -> Expression:
        if isinstance(leaf, Shape):
            return shape(leaf.path[1:], self._taken, self._puts)
        found = self._value(leaf, self._puts)
        return Constant(leaf.kind, True, None) if isinstance(found, Nowhere) and not leaf.nullable else found

    def demands(self) -> Iterator[Demand]:
        """What must hold of an older payload, beside what it must have for its fields."""
        return demands(self._taken, self._puts)

    def _value(self, leaf: Field, puts: tuple[Put, ...]) -> Expression:
        path = leaf.path[1:]
        given = giving(path, puts)
        taken = None if given else next((name for name in self._taken if starts(path, name)), None)
        later = puts[given:]
        below = [put.name for put in later] + ([] if given or taken else [*self._taken])
        if any(starts(name, path) for name in below):
            reason = f"upcaster {self._version} makes it; take its fields singly."
            raise DefinitionError(f"{'.'.join(leaf.path)} as a whole", reason)

        def found(leaf: Field) -> Expression:
            if taken is not None:
                return self._without(leaf, len(taken) - 1)
            return self._given(puts[given - 1], leaf, puts[: given - 1]) if given else leaf

        made = _made(leaf, max((common(path, put.name) for put in later if put.moved is None), default=0))
        expression = found(made)
        for depth in sorted({common(path, put.name) for put in later}):
            also = _made(made, depth)
            if also is not made:
                there = [is_there(put.moved) for put in later if put.moved and common(path, put.name) == depth]
                expression = when(any_of(there), found(also), expression)
        return expression

    def _given(self, put: Put, leaf: Field, before: tuple[Put, ...]) -> Expression:
        """What `leaf` has of the value that was put under it or a name above it."""
        rest = leaf.path[1 + len(put.name) :]
        own = _steps(leaf)[len(put.name) - 1 :]
        if put.moved is not None:
            return self._moved(put.name, put.moved, leaf, before)
        if not isinstance(put.value, Expression):
            return self._part(put, leaf, rest, own)
        if not rest:
            return put.value
        if not isinstance(put.value, Field):
            reason = "what it is a part of is computed by an upcaster; change it singly."
            raise DefinitionError(".".join(leaf.path), reason)
        above = OPTIONAL if put.value.nullable and own[0].optional else REQUIRED
        path = put.value.path[1:]
        return _field(leaf, (*path, *rest), (*(above for _ in path), *own[1:]))

    def _part(self, put: Put, leaf: Field, rest: Path, own: tuple[Step, ...]) -> Expression:
        """What `leaf` has of a literal."""
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
        """What `leaf` has of what was under `moved`; what the newer payload has without it, if nothing was."""
        steps, path = _steps(leaf), (*moved, *leaf.path[1 + len(name) :])
        own, above = steps[len(name) - 1 :], len(moved) - 1
        refused = not leaf.nullable and all(_absent(leaf, place) is ABSENT for place in range(len(name)))
        earlier = giving(leaf.path[1:], before)
        bearing = max((common(leaf.path[1:], put.name) for put in before), default=0)
        if not earlier and _made(leaf, bearing) is leaf:
            # Where the steps of one field say all that may be missing, no question whether it is there is asked.
            if name[:-1] == moved[:-1]:
                return replace(leaf, path=("data", *path))
            if all(step == OPTIONAL for step in steps[: len(name)]):
                return _field(leaf, path, (*(OPTIONAL for _ in moved), *own[1:]))
            if not above and all(step.default == "{}" for step in steps[: len(name) - 1]):
                return _field(leaf, path, own)
        there = _field(leaf, path, (*(REQUIRED for _ in range(above)), *own))
        if refused and not earlier:
            return there
        without = leaf if earlier else self._gone(leaf, len(name) - 1)
        return when(is_there(moved), there, self._value(without, before))

    def _without(self, leaf: Field, place: int) -> Expression:
        """What `leaf` has where the name at `place` of its path was taken."""
        value = _absent(leaf, place)
        if place and not (value is ABSENT and not leaf.nullable):
            return self._gone(leaf, place)
        return self._nowhere(leaf) if value is ABSENT else Constant(leaf.kind, value is None, value)

    def _gone(self, leaf: Field, place: int) -> Field:
        """The field under a name that no payload has, so that what stands in for it is had."""
        path, steps = leaf.path[1:], leaf.steps
        gone = f"{path[place]} of version {self._version + 1}"
        above = [
            Step(step.optional, step.default and _renamed(step.default, path[at + 1 : place + 1], gone))
            for at, step in enumerate(steps[:place])
        ]
        return replace(leaf, path=("data", *path[:place], gone, *path[place + 1 :]), steps=(*above, *steps[place:]))

    def _nowhere(self, leaf: Field) -> Nowhere:
        return Nowhere(leaf.kind, leaf.nullable, self._gone(leaf, 0).path[:2], (REQUIRED,))


def _made(leaf: Field, depth: int) -> Field:
    """The field where so many names of its path have been made objects if they were missing."""
    steps = _steps(leaf)
    made = replace(leaf, steps=(*(Step(step.optional, "{}") for step in steps[:depth]), *steps[depth:]))
    alike = all(repr(_absent(leaf, place)) == repr(_absent(made, place)) for place in range(depth))
    return leaf if alike else made


def _absent(leaf: Field, place: int) -> Any:
    """The value that stands in where the name at `place` of the field's path is missing; ABSENT if none does."""
    try:
        return read_json(Field(leaf.kind, leaf.nullable, leaf.path[place:], _steps(leaf)[place:]), {})
    except ValueError:
        return ABSENT


def _renamed(default: str, path: Path, new: str) -> str:
    """The JSON of a default, what it has at `path` under a new name."""
    value = parse(default)
    holder = find(value, path[:-1])
    if isinstance(holder, dict) and path[-1] in holder:
        holder[new] = holder.pop(path[-1])
    return json_text(value)


def _field(leaf: Field, path: Path, steps: tuple[Step, ...]) -> Field:
    """The field at another path. Steps that say no more than whether it may be NULL are left out."""
    plain = OPTIONAL if leaf.nullable else REQUIRED
    return Field(leaf.kind, leaf.nullable, ("data", *path), () if all(step == plain for step in steps) else steps)


def _steps(leaf: Field) -> tuple[Step, ...]:
    return leaf.steps or tuple(OPTIONAL if leaf.nullable else REQUIRED for _ in leaf.path[1:])


def _literal(value: Any, kind: Kind) -> Expression:
    """A literal as one of `kind`: JSON may be any value, and a time or bytes are text in JSON."""
    if kind is not Kind.JSON and kind_of_value(value) is not None:
        return express(value)
    found = express_json(value)
    if kind is Kind.JSON or isinstance(found.value, dict | list):
        return found
    return Constant(kind, False, from_json(kind, found.value))
