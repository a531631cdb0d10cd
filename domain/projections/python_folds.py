"""Folds in Python: projections that say in code what the verbs cannot."""

from collections.abc import Mapping
from typing import Any, ClassVar

from domain.errors import ProjectionError
from domain.events import Event, EventData
from domain.projections.columns import Column
from domain.projections.rules import Projection
from domain.source import reading_of, source_of

Row = dict[str, Any]  # column name to value, key columns included
Key = tuple[Any, ...]


class FoldProjection(Projection, abstract=True):
    """A read model folded in Python, in bulk: rows of a batch loaded once, folded in memory, written back once.

    Define `key`, `handles` and `evolve`. `evolve` must be pure: the same row and event give the same row, whatever the
    clock or the machine; it neither changes its arguments nor keeps anything. An exception that it raises makes the
    event a dead letter.
    """

    folds_in_python: ClassVar[bool] = True
    handles: ClassVar[tuple[type[EventData], ...]] = ()

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        super().__init_subclass__(abstract=abstract)
        if not cls.handles:
            raise ProjectionError(cls.__name__, "give it handles = (the event classes it folds).")
        if cls.rules:
            raise ProjectionError(cls.__name__, "it has @on rules and folds in Python; do one of the two.")
        if cls.keys is FoldProjection.keys and len([column for column in cls.key if column != "tenant_id"]) > 1:
            raise ProjectionError(cls.__name__, "override keys(event): its key is not one aggregate's.")
        if cls.evolve is FoldProjection.evolve:
            raise ProjectionError(cls.__name__, "give it evolve(row, event), which returns the row or None.")

    @classmethod
    def events(cls) -> tuple[type[EventData], ...]:
        return cls.handles

    @classmethod
    def meaning(cls) -> str:
        """What the fingerprint is made of: the code that the fold runs, and how its events' old shapes are read."""
        return "\n".join([source_of(cls), *filter(None, map(reading_of, cls.handles))])

    def keys(self, event: Event[Any]) -> list[Key]:
        """The keys of the rows that `event` touches: the tenant and the aggregate, unless overridden."""
        tenant_id, aggregate_id = event.metadata.tenant_id, event.aggregate_id
        return [tuple([tenant_id if column == "tenant_id" else aggregate_id for column in self.key])]

    def evolve(self, row: Row | None, event: Event[Any]) -> Row | None:
        """The row after `event`; None for no row. Columns left out become NULL; key columns need not be given."""
        raise NotImplementedError


def keys_of(fold: FoldProjection, columns: Mapping[str, Column], event: Event[Any]) -> list[Key]:
    """The keys of the rows that `event` touches, as the table's columns hold them. Raises whatever `fold.keys` does."""
    held = [columns[name] for name in fold.key]
    return [tuple([column.as_key(part) for column, part in zip(held, key, strict=True)]) for key in fold.keys(event)]
