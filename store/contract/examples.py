"""Examples: payloads of a shape, with each field's values at its bounds, to try whether something reads them.

The first is an ordinary one; each other differs from it in one field, or leaves out what need not be there. What no
example can be made of, such as a text of an unusual pattern, stands for itself as `UNTRIED`.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, repeat
from typing import Any

from acci.store.contract.example_values import UNTRIED, integers, numbers, texts
from acci.store.contract.shapes import Shape

MOST = 400  # examples of one shape
DEEPEST = 3  # of models within their own kind


def examples(shape: Shape) -> list[Any]:
    """At most `MOST` payloads; none for a shape that no value has."""
    return _Examples(shape.get("$defs", {})).of(shape, 0)


class _Examples:
    def __init__(self, definitions: dict[str, Shape]) -> None:
        self._definitions = definitions
        self._of_type: dict[str, Callable[[Shape, int], Iterator[Any]]] = {
            "null": lambda *_: iter([None]),
            "boolean": lambda *_: iter([True, False]),
            "integer": integers,
            "number": numbers,
            "string": texts,
            "array": self._lists,
            "object": self._objects,
        }

    def of(self, shape: Shape, depth: int) -> list[Any]:
        return list(islice(self._each(shape, depth), MOST))

    def _each(self, shape: Shape, depth: int) -> Iterator[Any]:
        if "$ref" in shape:
            if depth <= DEEPEST:
                yield from self._each(self._definitions[shape["$ref"].rpartition("/")[2]], depth + 1)
        elif "const" in shape:
            yield shape["const"]
        elif "enum" in shape:
            yield from shape["enum"]
        elif choices := shape.get("anyOf") or shape.get("oneOf"):
            yield from _in_turn([self._each(each, depth) for each in choices])
        elif shape.get("type") in self._of_type:
            yield from self._of_type[shape["type"]](shape, depth)
        elif not shape.keys() - {"default"}:  # anything
            yield from (None, "a", 0, 1.5, True, [], {}, {"a": [None]})
        else:
            yield UNTRIED

    def _lists(self, shape: Shape, depth: int) -> Iterator[Any]:
        if "prefixItems" in shape:
            places = [self.of(each, depth) for each in shape["prefixItems"]]
            if all(places):
                yield from _one_by_one([each[0] for each in places], enumerate(places))
            return
        items = self.of(shape.get("items", {}), depth)
        unique, least = shape.get("uniqueItems", False), shape.get("minItems", 0)
        most = shape.get("maxItems", max(least, 1) + 1000)
        distinct = [each for at, each in enumerate(items) if each not in items[:at]]

        def filled(first: Any, length: int) -> list[Any]:
            others = [each for each in distinct if each != first] if unique else items[:1] * length
            return [first, *others][:length]

        for length in dict.fromkeys((max(least, min(1, most)), least, most)):
            made = filled(items[0], length) if items else []
            if len(made) >= least and (made or not length):
                yield made
        for each in items[1:]:
            if most and len(made := filled(each, max(least, 1))) >= least:
                yield made

    def _objects(self, shape: Shape, depth: int) -> Iterator[Any]:
        if "properties" not in shape and "additionalProperties" in shape:
            yield from self._maps(shape, depth)
            return
        named = {name: self.of(each, depth) for name, each in shape.get("properties", {}).items()}
        required = shape.get("required", [])
        if any(not named[name] for name in required):
            return  # a model within its own kind, too deep
        named = {name: values for name, values in named.items() if values}
        base = {name: values[0] for name, values in named.items()}
        yield from _one_by_one(base, named.items())
        optional = [name for name in base if name not in required]
        for left_out in ([name] for name in optional):
            yield {name: value for name, value in base.items() if name not in left_out}
        if len(optional) > 1:
            yield {name: value for name, value in base.items() if name not in optional}

    def _maps(self, shape: Shape, depth: int) -> Iterator[Any]:
        values = self.of(
            shape["additionalProperties"] if isinstance(shape["additionalProperties"], dict) else {}, depth
        )
        keys = [each for each in self.of({"type": "string", **shape.get("propertyNames", {})}, depth) if each != ""]
        if "$ref" in shape.get("propertyNames", {}):
            keys = self.of(shape["propertyNames"], depth)
        if not keys or not values:
            yield {}
            return
        least = shape.get("minProperties", 0)
        yield dict.fromkeys(keys[: max(least, 1)], values[0])
        if not least:
            yield {}
        yield from ({**dict.fromkeys(keys[:least], values[0]), keys[0]: each} for each in values[1:])
        yield from ({**dict.fromkeys(keys[:least], values[0]), each: values[0]} for each in keys[least + 1 :])


def _one_by_one(base: Any, places: Any) -> Iterator[Any]:
    """The base, and copies of it with one place changed."""
    yield base
    turns = [zip(repeat(place), values[1:], strict=False) for place, values in places]
    for place, value in _in_turn(turns):
        changed = base.copy()
        changed[place] = value
        yield changed


def _in_turn(several: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """One of each in turn, so that a limit cuts none off."""
    while several:
        still = []
        for each in several:
            for value in islice(each, 1):
                yield value
                still.append(each)
        several = still
