"""Folds in Python: projections that say in code what the verbs cannot."""

from collections.abc import Sequence
from typing import Any, ClassVar

from acci.domain.errors import ProjectionError
from acci.domain.events import Event, EventData, Unreadable
from acci.domain.projections.code_digest import reading_of, source_of
from acci.domain.projections.columns import Column
from acci.domain.projections.rules import Projection
from acci.domain.projections.stored_rows import Ask, Fill, Keeper, Key, Row, by_rules
from acci.domain.projections.stored_values import NotKept, storable, told

__all__ = ["FoldProjection", "Folding", "Key", "NotFolded", "Row"]


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
        """The row after `event`; None for no row. Columns left out become NULL; key columns need not be given.

        `row` is as the table has it: every column but those that PostgreSQL generates, key columns too.
        """
        raise NotImplementedError


class NotFolded(Exception):
    """A fold has no answer to an event, or none that its table can keep: its cause, or its sentence, says why."""


class Folding:
    """A fold at work on its table's rows: what every engine runs, event by event."""

    def __init__(
        self, fold: FoldProjection, columns: Sequence[Column], ask: Ask = by_rules, fill: Fill | None = None
    ) -> None:
        self._fold, named = fold, {column.name: column for column in columns}
        self._columns = [named[name] for name in fold.key]
        self._all_text = all(column.type == "text" for column in self._columns)
        self._by_payload = type(fold).keys is not FoldProjection.keys
        self._keeper = Keeper(fold.key, columns, ask, fill)
        self.spelled = self._keeper.spelled

    def keys(self, event: Event[Any]) -> list[Key]:
        """The keys of the rows that `event` touches, as the table holds them. Raises `NotFolded`.

        Of an event that cannot be read only the envelope tells them.
        """
        if not self._by_payload:
            if self._all_text:
                return self._fold.keys(event)  # names of the log, which are texts that it keeps
        else:
            require_readable(event)
        try:
            return [self._key(key) for key in self._fold.keys(event)]
        except Exception as error:  # whatever the user's code raises makes the event one that cannot be applied
            raise NotFolded(told(error)) from error

    def after(self, key: Key, row: Row | None, event: Event[Any]) -> Row | None:
        """The row of `key` after `event`, as it is read back. Raises `NotFolded`, and what asking PostgreSQL raises."""
        if isinstance(event.data, Unreadable):
            require_readable(event)
        try:
            given = self._fold.evolve(None if row is None else row.copy(), event)
        except Exception as error:  # as above
            raise NotFolded(told(error)) from error
        try:
            return self._keeper.kept(key, given, row)
        except NotKept as error:
            raise NotFolded(str(error)) from error

    def _key(self, key: Key) -> Key:
        parts = zip(self._columns, key, strict=True)
        found = tuple([column.as_key(part) for column, part in parts])
        hash(found)
        for part in found:
            if type(part) is str and not (part.isascii() and "\0" not in part):
                storable(part)
        return found


def require_readable(event: Event[Any]) -> None:
    """Raises `NotFolded`."""
    if isinstance(event.data, Unreadable):
        raise NotFolded(event.data.reason.rstrip("."))
