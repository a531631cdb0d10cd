"""What a rule is handed as its event: every attribute is an expression, symbolic or known."""

from typing import Any

from pydantic import BaseModel

from domain.projections.expressions import Expression, Field, Leaf, refuse
from domain.projections.kinds import Kind, kind_of_annotation

ENVELOPE: dict[str, tuple[Kind, bool]] = {
    "id": (Kind.UUID, False),
    "tenant_id": (Kind.TEXT, False),
    "aggregate_id": (Kind.TEXT, False),
    "aggregate_type": (Kind.TEXT, False),
    "event_type": (Kind.TEXT, False),
    "version": (Kind.INTEGER, False),
    "position": (Kind.INTEGER, False),
    "timestamp": (Kind.TIMESTAMP, False),
    "recorded_at": (Kind.TIMESTAMP, False),
}
METADATA: dict[str, tuple[Kind, bool]] = {
    "user_id": (Kind.TEXT, True),
    "correlation_id": (Kind.TEXT, False),
    "causation_id": (Kind.TEXT, True),
    "tenant_id": (Kind.TEXT, False),
}


class EventView:
    """The event as a rule sees it. `leaf` makes a field's expression: itself, or its value in a real event."""

    def __init__(self, data: type[BaseModel], leaf: Leaf) -> None:
        self._leaf = leaf
        self.data = ModelView(data, ("data",), leaf, nullable=False)
        self.metadata = MetadataView(leaf)

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in ENVELOPE:
            refuse(f"event.{name}", f"an event has data, metadata, {', '.join(ENVELOPE)}.")
        kind, nullable = ENVELOPE[name]
        return self._leaf(Field(kind, nullable, (name,)))


class MetadataView:
    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in METADATA:
            refuse(f"event.metadata.{name}", f"metadata has {', '.join(METADATA)}.")
        kind, nullable = METADATA[name]
        return self._leaf(Field(kind, nullable, ("metadata", name)))


class ModelView:
    """A payload or a model nested in it; as a value it is the whole JSON object."""

    def __init__(self, model: type[BaseModel], path: tuple[str, ...], leaf: Leaf, nullable: bool) -> None:
        self._model, self._path, self._leaf, self._nullable = model, path, leaf, nullable

    def as_expression(self) -> Expression:
        return self._leaf(Field(Kind.JSON, self._nullable, self._path))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        field = self._model.model_fields.get(name)
        if field is None:
            listed = ", ".join(self._model.model_fields) or "no fields"
            refuse(f"event.{'.'.join((*self._path, name))}", f"{self._model.__name__} has {listed}.")
        kind, optional, nested = kind_of_annotation(field.annotation)
        # A field with a default may be missing in an old payload; the typed event then has the default.
        nullable = self._nullable or optional
        if nested is not None:
            return ModelView(nested, (*self._path, name), self._leaf, nullable)
        return self._leaf(Field(kind, nullable, (*self._path, name)))
