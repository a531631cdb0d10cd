"""As of: a read model as it was at a position or a point in time, folded from the events by the same projection.

Nothing is written, and no history of rows is kept: the rows are folded from the log, as in a rebuild; for one row,
from fewer events.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from acci.domain.errors import AcciError, CannotApply
from acci.domain.events import RecordedEvent, by_stored_name
from acci.domain.expressions.values import key_text, key_texts
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.reference import Row, fold_in_python
from acci.store.compiling.event_filter import Selection
from acci.store.generations.fingerprints import define
from acci.store.generations.generations import Generation
from acci.store.generations.live import is_live, on_live
from acci.store.generations.table_definition import require_same_rules
from acci.store.log import high_water
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import decrypted_events
from acci.store.projecting.canonical_keys import canonical_key
from acci.store.projecting.column_probe import ColumnProbe
from acci.store.projecting.compared_columns import determined, of_rows
from acci.store.projecting.error_text import reason
from acci.store.projecting.exclusions import parked_keys, with_exclusions
from acci.store.projecting.ranges import Key, PoisonEvent, Span
from acci.store.reading.first_rows import comes_in_order_of_streams, first_rows
from acci.store.reading.past_rows import PAGE, PastRows
from acci.store.registry import Catalogue
from acci.store.values.timestamps import in_utc

LAST = datetime.max.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Rows = Generator[Row, None, None]
Begun = tuple[Generation, Rows]


class NotFinal(AcciError):
    """Events may still appear at or below `position`; `mark` is the last position where none can."""

    position: int
    mark: int

    sentence = "Position {position} is not final yet; ask for one up to {mark}, or wait a moment."


class NotApplicable(AcciError):
    """The rules have no answer to the event at `position`, which is no dead letter; `applied` says that it was once.

    What an event depends on may not have happened yet at the time that is asked for.
    """

    projection: str
    position: int
    reason: str
    applied: bool

    def __str__(self) -> str:
        what = f"{self.projection} cannot be shown: the event at position {self.position} cannot be applied"
        if self.applied:
            way_out = (
                "Ask for another point in time, or for a position alone; `acci run audit` says if it still can be."
            )
        else:
            way_out = (
                f"Run `acci run catch-up {self.projection}`, which makes it a dead letter, so that only its rows are "
                f"missing (see `acci dead-letters list`); or ask for a position below {self.position}."
            )
        return f"{what}: {self.reason}. {way_out}"


def rows_as_of(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    position: int | None = None,
    as_of: datetime | None = None,
    keys: Sequence[Sequence[object]] | None = None,
    limit: int | None = None,
) -> Rows:
    """The rows, in order of key, made by the events up to `position` that had happened by `as_of`, both included.

    A stream is cut before its first event that happened later. Timestamps come from the senders' clocks, so a later
    event may have an earlier timestamp; cut like this, every aggregate is in a state that it once had. With neither
    bound, all final events count. `keys`, in the order of the projection's key, narrows to those rows, `limit` to the
    first so many; where each row depends on one stream only, no other rows are derived. Discarded events do not count,
    and keys that are parked now have no row. Streamed: close it or read it to the end; an event that cannot be applied
    and is no dead letter raises `NotApplicable`.

    Raises `NotFinal`, `WrongTimestamp`, `WrongKey`, `NotBuilt` before the first build, `RebuildNeeded` if the rules are
    not the live table's.
    """
    until = None if as_of is None else in_utc(as_of)

    def begin(generation: Generation) -> Begun:
        require_same_rules(generation, define(catalogue, projection))
        mark = high_water.establish(connection).position
        if position is not None and position > mark:
            raise NotFinal(position, mark)
        upto = mark if position is None else max(position, 0)
        span = with_exclusions(connection, generation, Span(0, upto))
        if until is not None:
            span = replace(span, skipped=(*span.skipped, *_out_of_time(connection, projection, upto, until)))
        wanted = None if keys is None else _canonical_keys(connection, projection, generation, keys)
        if issubclass(projection, FoldProjection):
            found = _folded_in_python(connection, projection, generation, span, until, wanted)
        else:
            before = None if until is None or until == LAST else until + MICROSECOND
            which = Selection(0, upto, until=before, skipped=span.skipped)
            past = PastRows(connection, projection, generation, wanted, span.skip_parked)
            if limit is not None and keys is None and comes_in_order_of_streams(connection, projection, generation):
                found = first_rows(past, which, limit)
            else:
                found = past.read(which)
        return generation, _applicable(found, projection, generation, limit)

    begun = on_live(connection, projection.name, begin)
    return _restarted(connection, *begun, lambda: on_live(connection, projection.name, begin))


def _restarted(connection: Connection, generation: Generation, rows: Rows, begin: Callable[[], Begun]) -> Rows:
    """The rows; from the next generation if another one is published before the first row is yielded."""
    while True:
        yielded = False
        try:
            for row in rows:
                yielded = True
                yield row
        except Exception:
            if yielded or is_live(connection, generation):
                raise
        else:
            return
        generation, rows = begin()


def _out_of_time(connection: Connection, projection: type[Projection], upto: int, as_of: datetime) -> tuple[int, ...]:
    """The positions of events that had happened by then, but come after one of their stream that had not."""
    known = {"as_of": as_of, "upto": upto, "event_types": list(by_stored_name(projection.events()))}
    # Planned each time: the right plan depends on how much of the log is later.
    return tuple(row[0] for row in connection.execute(sql("reading/out_of_time"), known, prepare=False))


def _canonical_keys(
    connection: Connection, projection: type[Projection], generation: Generation, keys: Sequence[Sequence[object]]
) -> list[Key]:
    """The keys as they are stored. Raises `WrongKey`."""
    read_model = generation.read_model(connection)
    texts = (tuple(key_text(part) for part in key) for key in keys)
    return [list(canonical_key(connection, projection, read_model, key)) for key in texts]


def _applicable(
    rows: Generator[Row, None, None], projection: type[Projection], generation: Generation, limit: int | None
) -> Generator[Row, None, None]:
    """The rows, at most so many. Raises `NotApplicable`."""
    try:
        with closing(rows):
            yield from islice(rows, limit)
    except PoisonEvent as poison:
        why = reason(poison, decrypted_events.uses_personal(projection))
        applied = poison.position <= generation.checkpoint
        raise NotApplicable(projection.name, poison.position, why, applied) from poison


def _folded_in_python(
    connection: Connection,
    projection: type[FoldProjection],
    generation: Generation,
    span: Span,
    until: datetime | None,
    keys: list[Key] | None,
) -> Generator[Row, None, None]:
    read_model = generation.read_model(connection)
    left_out = parked_keys(connection, generation)
    wanted = None if keys is None else set(map(tuple, keys))

    def is_meant(key: tuple[Any, ...]) -> bool:
        text = key_texts(key)
        if None in text and text not in left_out:
            raise ValueError("a part of its key is NULL")
        return text not in left_out and (wanted is None or text in wanted)

    events = (
        event
        for event in _events(connection, projection, span)
        if event.position not in span.skipped and (until is None or event.timestamp <= until)
    )
    try:
        rows = fold_in_python(projection(), read_model.columns, {}, events, ColumnProbe(connection), is_meant)
    except CannotApply as error:
        raise PoisonEvent(error.position, error.reason) from error.__cause__
    shown = determined(projection, read_model, of_rows(rows.values())).columns
    for key in sorted(rows, key=key_texts):
        yield {column.name: rows[key][column.name] for column in shown}


def _events(connection: Connection, projection: type[Projection], span: Span) -> Iterator[RecordedEvent[Any]]:
    if connection.keys is not None:
        connection.keys.clear_cache()
    decoder = Decoder(by_stored_name(projection.events()), keys=connection.keys)
    parameters: dict[str, Any] = {"after": span.after, "to": span.upto, "page": PAGE}
    parameters |= {"event_types": list(by_stored_name(projection.events()))}
    while rows := connection.execute(sql("log/events:page"), parameters).fetchall():
        yield from decoder.events(rows)
        parameters["after"] = rows[-1][0]
