"""An upcaster: one step from a schema version to the next."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from acci.domain.expressions.evaluation import value_of
from acci.domain.expressions.json_paths import ABSENT, find
from acci.domain.expressions.kinds import Kind, kind_of_annotation
from acci.domain.expressions.stored_fields import read_json
from acci.domain.expressions.substitution import replace_fields
from acci.domain.expressions.tree import Constant, Expression, Field, express
from acci.domain.expressions.values import json_of, parse
from acci.domain.upcasters.origins import Origins
from acci.domain.upcasters.payload_shapes import Demand, Put


class WrongShape(ValueError):
    """A payload cannot be brought to today's shape."""


def old(name: str, annotation: Any) -> Field:
    """The value at `name` in the older payload, which had the type `annotation` there."""
    kind, nullable, _ = kind_of_annotation(annotation)
    return Field(kind, nullable, ("data", *_path(name)))


@dataclass(frozen=True, eq=False)
class Upcaster:
    """One step: payloads of `version` become payloads of `version + 1`; fields that are not named stay as they are.

    rename: old name to new name. default: fields that the older version lacks, with their (typed) value. change: a
    field to an expression over the older payload, made of `old(…)` and the functions of acci.domain.projections, to
    convert or split a value. drop: fields that no longer exist. Missing models around new fields are created.

    An old name that is missing is ignored; if several old names become one field, the last present one wins. A payload
    that has a new name but not the old one, or something other than an object where a field must be put, has no known
    shape: its event is unreadable and becomes a dead letter.
    """

    version: int
    rename: Mapping[str, str] = field(default_factory=dict)
    default: Mapping[str, Any] = field(default_factory=dict)
    change: Mapping[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()

    def apply(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Change the payload to the next version's shape, in place. Raises `ValueError` for one of another shape."""
        changed = {name: _computed(express(value), payload) for name, value in self.change.items()}
        moved = [(new, _take(payload, _path(name))) for name, new in self.rename.items()]
        for name in self.drop:
            _take(payload, _path(name))
        there = {new: value for new, value in moved if value is not ABSENT}
        for name, new in self.rename.items():
            if new not in there and find(payload, _path(new)) is not ABSENT:
                raise WrongShape(f"it has no {name}, yet {new}")
        for name, value in (*there.items(), *deepcopy(self._defaults).items(), *changed.items()):
            _put(payload, _path(name), value)
        return payload

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        """Each default as parsed JSON."""
        return {name: parse(json_of(value)) for name, value in self.default.items()}

    def source(self, leaf: Field) -> Expression:
        """The expression over a payload of `version` that gives `leaf`, a field of `version + 1`."""
        return self._origins.of(leaf)

    def demands(self) -> Iterator[Demand]:
        """The conditions on a payload of `version`, beside those of its fields."""
        return self._origins.demands()

    @cached_property
    def _origins(self) -> Origins:
        puts = [Put(_path(new), moved=_path(name)) for name, new in self.rename.items()]
        puts += [Put(_path(name), value=value) for name, value in self.default.items()]
        for name, value in self.change.items():
            made = express(value)
            puts.append(Put(_path(name), value=made.value if isinstance(made, Constant) else made))
        return Origins(self.version, [_path(name) for name in (*self.rename, *self.drop)], puts)


def _path(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def _computed(expression: Expression, payload: dict[str, Any]) -> Any:
    known = replace_fields(expression, lambda leaf: Constant(leaf.kind, leaf.nullable, read_json(leaf, payload)))
    value = value_of(known)
    return value if expression.kind is Kind.JSON else parse(json_of(value))


def _take(payload: Any, path: Sequence[str]) -> Any:
    """Remove the value at `path` and return it; ABSENT if there is none."""
    holder = find(payload, path[:-1])
    return holder.pop(path[-1], ABSENT) if isinstance(holder, dict) else ABSENT


def _put(payload: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put `value` at `path`; missing objects on the way are created."""
    for name in path[:-1]:
        payload = payload.setdefault(name, {})
        if not isinstance(payload, dict):
            raise WrongShape(f"its {name} is no object")
    payload[path[-1]] = value
