"""Python folds: projections whose rows are computed by code, where the verbs are not enough."""

from collections.abc import Sequence
from typing import Any, ClassVar

from acci.domain.errors import ProjectionError
from acci.domain.events import Event, EventData, Unreadable
from acci.domain.projections.code_digest import reading_of, source_of
from acci.domain.projections.columns import Column
from acci.domain.projections.rules import Projection
from acci.domain.projections.stored_rows import Fill, Key, Probe, Row, RowRoundTrip, in_python_alone
from acci.domain.projections.stored_values import NotStorable, in_one_line, storable

__all__ = ["CannotFold", "FoldProjection", "Folding", "Key", "Row"]


class FoldProjection(Projection, abstract=True):
    """A read model folded in Python, in bulk: rows of a batch loaded once, folded in memory, written back once.

    Define `key`, `handles` and `evolve`. `evolve` must be pure: the same row and event give the same row, at any
    time and on any machine; it neither changes its arguments nor keeps anything. An exception that it raises makes the
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
        """The text that its fingerprint hashes: the code that the fold runs, and its events' upcasters."""
        return "\n".join([source_of(cls), *filter(None, map(reading_of, cls.handles))])

    def keys(self, event: Event[Any]) -> list[Key]:
        """The keys of the rows that `event` changes: the tenant and the aggregate, unless overridden."""
        tenant_id, aggregate_id = event.metadata.tenant_id, event.aggregate_id
        return [tuple([tenant_id if column == "tenant_id" else aggregate_id for column in self.key])]

    def evolve(self, row: Row | None, event: Event[Any]) -> Row | None:
        """The row after `event`; None for no row. Columns left out become NULL; key columns need not be given.

        `row` is as the table has it: every column but those that PostgreSQL generates, key columns too.
        """
        raise NotImplementedError


class CannotFold(Exception):
    """A fold cannot apply an event, or its table cannot store the result; the cause, or the message, says why."""


class Folding:
    """A fold applied to its table's rows, event by event: what every engine runs."""

    def __init__(
        self, fold: FoldProjection, columns: Sequence[Column], probe: Probe = in_python_alone, fill: Fill | None = None
    ) -> None:
        self._fold, named = fold, {column.name: column for column in columns}
        self._columns = [named[name] for name in fold.key]
        self._all_text = all(column.type == "text" for column in self._columns)
        self._by_payload = type(fold).keys is not FoldProjection.keys
        self._round_trip = RowRoundTrip(fold.key, columns, probe, fill)
        self.comparable = self._round_trip.comparable

    def keys(self, event: Event[Any]) -> list[Key]:
        """The keys of the rows that `event` changes, as the table holds them. Raises `CannotFold`.

        An event whose payload cannot be read has keys only if they come from the envelope.
        """
        if not self._by_payload:
            if self._all_text:
                return self._fold.keys(event)  # ids from the log, which the table stores as they are
        else:
            require_readable(event)
        try:
            return [self._key(key) for key in self._fold.keys(event)]
        except Exception as error:  # any error of the user's code means that the event cannot be applied
            raise CannotFold(in_one_line(error)) from error

    def after(self, key: Key, row: Row | None, event: Event[Any]) -> Row | None:
        """The row of `key` after `event`, as it is read back. Raises `CannotFold`, and what `probe` raises."""
        if isinstance(event.data, Unreadable):
            require_readable(event)
        try:
            given = self._fold.evolve(None if row is None else row.copy(), event)
        except Exception as error:  # as above
            raise CannotFold(in_one_line(error)) from error
        try:
            return self._round_trip.read_back(key, given, row)
        except NotStorable as error:
            raise CannotFold(str(error)) from error

    def _key(self, key: Key) -> Key:
        parts = zip(self._columns, key, strict=True)
        found = tuple([column.as_key(part) for column, part in parts])
        hash(found)
        for part in found:
            if type(part) is str and not (part.isascii() and "\0" not in part):
                storable(part)
        return found


def require_readable(event: Event[Any]) -> None:
    """Raises `CannotFold`."""
    if isinstance(event.data, Unreadable):
        raise CannotFold(event.data.reason.rstrip("."))
