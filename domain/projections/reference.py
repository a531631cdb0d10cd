"""The reference engine: a projection's rules run in Python, event by event, with the meaning that the SQL has.

Slow and plain on purpose: tests and audits compare the compiled projection with it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from acci.domain.errors import CannotApply
from acci.domain.events import EventData, RecordedEvent, Unreadable, by_stored_name
from acci.domain.expressions.evaluation import value_of
from acci.domain.expressions.event_view import EventView
from acci.domain.expressions.stored_fields import read_json
from acci.domain.expressions.substitution import replace_fields
from acci.domain.expressions.tree import Constant, Expression, Field, Leaf, Missing
from acci.domain.expressions.values import EXACT, order, parse, plain
from acci.domain.projections.columns import Column
from acci.domain.projections.python_folds import CannotFold, Folding, FoldProjection
from acci.domain.projections.rules import Action, Projection
from acci.domain.projections.stored_rows import Probe, in_python_alone
from acci.domain.projections.stored_values import in_one_line
from acci.domain.projections.verbs import Delete, FoldKind, Insert, Update
from acci.domain.upcasting import EVENT_TYPE, at_version, require_shape

Key = tuple[Any, ...]
Row = dict[str, Any]
Rows = dict[Key, Row]


def apply(
    projection: type[Projection],
    columns: Sequence[Column],
    rows: Mapping[Key, Row],
    events: Iterable[RecordedEvent[Any]],
    probe: Probe = in_python_alone,
) -> Rows:
    """The rows by key after `events`, in order of position, were applied to `rows`. `columns`: those of the table.

    An event's `data` may also be its payload as stored, parsed JSON. Sums and the lengths of texts are checked at the
    end, as in a batch. `probe` is for folds in Python, see `stored_rows`. Raises `CannotApply`; the table's constraints
    are not checked.
    """
    if issubclass(projection, FoldProjection):
        return fold_in_python(projection(), columns, rows, events, probe)
    engine = _Engine(projection, columns, rows)
    for event in events:
        engine.take(event)
    return engine.finished()


class _Engine:
    def __init__(self, projection: type[Projection], columns: Sequence[Column], rows: Mapping[Key, Row]) -> None:
        self._projection = projection
        self._columns = {column.name: column for column in columns}
        self._filled = [column for column in columns if not column.generated and column.name not in projection.key]
        self._rows = dict(rows)
        self._changed_by: dict[Key, RecordedEvent[Any]] = {}

    def take(self, event: RecordedEvent[Any]) -> None:
        try:
            stored = Stored(event)
            for rule in self._projection.rules:
                if event.event_type in rule.event.stored_names():
                    for action in self._projection.actions(rule, EventView(rule.event, stored.leaf_of(rule.event))):
                        self._do(action, event)
        except Exception as error:  # SQL may refuse any value; in Python that can be many exception classes
            raise self._cannot(event, error) from error

    def finished(self) -> Rows:
        for key, event in self._changed_by.items():
            if key in self._rows:
                row = self._rows[key]
                try:
                    self._rows[key] = {name: self._columns[name].stored(value) for name, value in row.items()}
                except Exception as error:  # as above
                    raise self._cannot(event, error) from error
        return self._rows

    def _cannot(self, event: RecordedEvent[Any], error: Exception) -> CannotApply:
        reason = str(error) if isinstance(error, ValueError) else in_one_line(error)
        return CannotApply(self._projection.name, event.position, event.event_type, reason)

    def _do(self, action: Action, event: RecordedEvent[Any]) -> None:
        key = self._key(action)
        if key is None:
            return
        # First, since a value that cannot be computed makes the event a dead letter even if the row does not change.
        values = {name: self._converted(name, fold.value) for name, fold in action.columns.items()}
        row = self._rows.get(key)
        if action.verb is Delete:
            self._rows.pop(key, None)
        elif row is not None or action.verb is not Update:
            self._changed_by[key] = event
            is_new = row is None or action.verb is Insert
            self._rows[key] = self._folded(self._new(key) if is_new else dict(row or {}), action, values)

    def _key(self, action: Action) -> Key | None:
        """The key, or None if a part is NULL. Parts that may be NULL are computed first."""
        parts: dict[str, Any] = {}
        for name, expression in sorted(action.key.items(), key=lambda part: not part[1].nullable):
            parts[name] = self._converted(name, expression)
            if parts[name] is None:
                return None
        return tuple(parts[name] for name in self._projection.key)

    def _converted(self, name: str, expression: Expression) -> Any:
        return self._columns[name].converted(value_of(expression))

    def _new(self, key: Key) -> Row:
        named = dict(zip(self._projection.key, key, strict=True))
        return named | {column.name: column.initial() for column in self._filled}

    def _folded(self, row: Row, action: Action, values: Row) -> Row:
        for name, fold in action.columns.items():
            kind = self._projection.folds[name]
            starts = action.verb is Insert and fold.kind is FoldKind.PUT
            row[name] = values[name] if starts else folded(kind, row[name], values[name])
        return row


def folded(kind: FoldKind, old: Any, new: Any) -> Any:
    """The column's value after an event gave it `new`."""
    if kind is FoldKind.PUT:
        return new
    if old is None or new is None:
        return new if old is None else old
    match kind:
        case FoldKind.ADD:
            return old + new if isinstance(old, int) and isinstance(new, int) else plain(EXACT.add(old, new))
        case FoldKind.MINIMUM:
            return min(old, new, key=order)
        case FoldKind.MAXIMUM:
            return max(old, new, key=order)
    return old


def fold_in_python(
    fold: FoldProjection,
    columns: Sequence[Column],
    rows: Mapping[Key, Row],
    events: Iterable[RecordedEvent[Any]],
    probe: Probe = in_python_alone,
    wanted: Callable[[Key], bool] = lambda _: True,
) -> Rows:
    """As `apply`, for a fold; only the rows of `wanted` keys. Events that it does not handle are skipped."""
    handled = by_stored_name(fold.events())
    folding = Folding(fold, columns, probe)
    after = dict(rows)
    for event in events:
        if event.event_type not in handled:
            continue
        try:
            for key in filter(wanted, folding.keys(event)):
                row = folding.after(key, after.pop(key, None), event)
                if row is not None:
                    after[key] = row
        except (CannotFold, ValueError) as error:
            cause = error.__cause__ if isinstance(error, CannotFold) else error
            raise CannotApply(fold.name, event.position, event.event_type, str(error)) from cause
    return after


class Stored:
    """A stored event's values, for rules to read."""

    def __init__(self, event: RecordedEvent[Any]) -> None:
        self._event = event
        self._documents = {"data": payload_of(event.data), "metadata": event.metadata._asdict()}

    def leaf_of(self, kind: type[EventData]) -> Leaf:
        """A function from a field of today's `kind` to its value. Raises `ValueError` for an unknown shape."""
        event, leaf = self._event, partial(self._leaf, kind)
        if isinstance(event.data, EventData) and not isinstance(event.data, Unreadable):
            return leaf
        require_shape(kind, event.schema_version, leaf)
        return lambda field: replace_fields(at_version(kind, event.schema_version, field), leaf)

    def _leaf(self, kind: type[EventData], field: Field) -> Expression:
        try:
            value = kind.event_type() if field.path == EVENT_TYPE else self._value(field)
        except ValueError as error:
            return Missing(field.kind, field.nullable, str(error))
        return Constant(field.kind, field.nullable, value)

    def _value(self, field: Field) -> Any:
        source = field.path[0]
        if source in self._documents:
            return read_json(field, self._documents[source])
        return getattr(self._event, source)


def payload_of(data: EventData | Mapping[str, Any]) -> Any:
    """The payload as parsed JSON: of a typed event, of one that could not be read, or as given."""
    if isinstance(data, Unreadable):
        return data.payload
    return parse(data.model_dump_json()) if isinstance(data, EventData) else data
