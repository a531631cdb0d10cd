"""The event that a rule gets as its argument: every attribute is an expression, symbolic or with a known value."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel

from acci.domain.expressions.kinds import Kind, kind_of_annotation
from acci.domain.expressions.symbols import Symbol, refuse
from acci.domain.expressions.tree import Expression, Field, Leaf, Step
from acci.domain.expressions.values import json_of

ENVELOPE: dict[str, Kind] = {
    "id": Kind.UUID,
    "tenant_id": Kind.TEXT,
    "aggregate_id": Kind.TEXT,
    "aggregate_type": Kind.TEXT,
    "event_type": Kind.TEXT,
    "version": Kind.INTEGER,
    "position": Kind.INTEGER,
    "timestamp": Kind.TIMESTAMP,
    "recorded_at": Kind.TIMESTAMP,
}
REQUIRED, OPTIONAL = Step(False, None), Step(True, "null")
METADATA: dict[str, Step] = {
    "user_id": OPTIONAL,
    "correlation_id": REQUIRED,
    "causation_id": OPTIONAL,
    "tenant_id": REQUIRED,
}


class EventView(Symbol):
    """The event as a rule sees it. `leaf` gives a field's expression: itself, or its value in a real event."""

    def __init__(self, data: type[BaseModel], leaf: Leaf) -> None:
        self._leaf = leaf
        self.data = ModelView(data, leaf, ("data",), (), nullable=False)
        self.metadata = MetadataView(leaf)

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in ENVELOPE:
            refuse(f"event.{name}", f"an event has data, metadata, {', '.join(ENVELOPE)}.")
        return self._leaf(Field(ENVELOPE[name], False, (name,)))


class MetadataView(Symbol):
    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in METADATA:
            refuse(f"event.metadata.{name}", f"metadata has {', '.join(METADATA)}.")
        return self._leaf(Field(Kind.TEXT, METADATA[name].optional, ("metadata", name), (METADATA[name],)))


class ModelView(Symbol):
    """A payload or a model nested in it; as a value it is the whole JSON object, as stored."""

    def __init__(
        self, model: type[BaseModel], leaf: Leaf, path: tuple[str, ...], steps: tuple[Step, ...], nullable: bool
    ) -> None:
        self._model, self._leaf, self._path, self._steps, self._nullable = model, leaf, path, steps, nullable

    def as_expression(self) -> Expression:
        return self._leaf(Field(Kind.JSON, self._nullable, self._path, self._steps))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        path = (*self._path, name)
        if name not in self._model.model_fields:
            listed = ", ".join(self._model.model_fields) or "no fields"
            refuse(f"event.{'.'.join(path)}", f"{self._model.__name__} has {listed}.")
        part = _part(self._model, name)
        steps, nullable = (*self._steps, part.step), self._nullable or part.step.optional
        if part.model is not None:
            return ModelView(part.model, self._leaf, path, steps, nullable)
        return self._leaf(Field(part.kind, nullable, path, steps))


def fields(
    model: type[BaseModel],
    path: tuple[str, ...] = ("data",),
    steps: tuple[Step, ...] = (),
    nullable: bool = False,
    within: tuple[type[BaseModel], ...] = (),
) -> Iterator[Field]:
    """Every field of a payload's model and of the models nested in it.

    A field whose default varies counts as nullable here; a rule that uses it is refused elsewhere. A recursive model is
    entered once.
    """
    if model in within:
        return
    for name in model.model_fields:
        kind, optional, nested = kind_of_annotation(model.model_fields[name].annotation)
        try:
            step = _part(model, name).step
        except Exception:  # noqa: BLE001 the user's default factory failed; a rule that uses the field reports it
            step = OPTIONAL
        below = ((*path, name), (*steps, step), nullable or optional or step.optional)
        if nested is None:
            yield Field(kind, below[2], *below[:2])
        else:
            yield from fields(nested, *below, (*within, model))


class _Part(NamedTuple):
    kind: Kind
    step: Step
    model: type[BaseModel] | None


@cache
def _part(model: type[BaseModel], name: str) -> _Part:
    """A model's field. Its default applies to payloads that lack it, as in the typed event."""
    info = model.model_fields[name]
    kind, optional, nested = kind_of_annotation(info.annotation)
    if info.is_required():
        return _Part(kind, Step(optional, None), nested)
    default = _default(model, name)
    return _Part(kind, Step(optional or default == "null", default), nested)


def _default(model: type[BaseModel], name: str) -> str:
    info = model.model_fields[name]
    if info.default_factory_takes_validated_data:
        refuse(f"{model.__name__}.{name}", "its default depends on other fields; give it a fixed one.")
    found = {json_of(info.get_default(call_default_factory=True)) for _ in range(2)}
    if len(found) > 1:
        refuse(f"{model.__name__}.{name}", "its default varies; give it a fixed one.")
    return found.pop()
