"""Compacting snapshots: those that are due are taken in bulk, those that newer ones replace are dropped.

Never an event. Each page of streams is final when it commits; what a run that was cut off did not get to is still due.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from acci.domain.aggregates import Aggregate
from acci.domain.events import StreamId
from acci.store.aggregates.repository import fold
from acci.store.aggregates.snapshots import SnapshotRefused, state_of, text_of
from acci.store.log.append import Recorded
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

STREAMS = 500  # in one transaction
EVENTS = 2_000  # in memory at a time
Taken = tuple[StreamId, int, Aggregate]


@dataclass(frozen=True)
class Sizes:
    """The snapshots of an aggregate: how many, of how many streams, and what they take in bytes."""

    snapshots: int
    streams: int
    bytes: int


@dataclass(frozen=True)
class Compacted:
    """What was done for one aggregate: snapshots taken and dropped; `unreadable` streams could not be folded.

    `refused` says of one state, of `refusals`, why it has no snapshot.
    """

    aggregate: str
    due: int
    taken: int
    dropped: int
    unreadable: int
    before: Sizes
    after: Sizes
    refusals: int = 0
    refused: str = ""


def compact(
    connection: Connection,
    catalogue: Catalogue,
    aggregate: type[Aggregate],
    keep: int = 1,
    streams: int = STREAMS,
    report: Callable[[int, int], None] = lambda *_: None,
) -> Compacted:
    """Take the aggregate's due snapshots, and keep the newest `keep` of each stream.

    Due: enough events lie behind the newest one, or those there are were made by an older class. `streams` are taken in
    one transaction; `report` gets how many of the due streams are done.
    """
    name, decoder = aggregate.aggregate_type(), Decoder(catalogue.stored, catalogue.retired, connection.keys)
    known = {"aggregate_type": name, "state_schema": aggregate.state_schema(), "every": aggregate.snapshot_every}
    before = _sizes(connection, name)
    connection.execute(sql("aggregates/compaction:drop_due"))
    connection.execute(sql("aggregates/compaction:create_due"))
    due = connection.execute(sql("aggregates/compaction:find_due"), known).rowcount if aggregate.snapshot_every else 0
    taken = unreadable = 0
    refusals: list[SnapshotRefused] = []
    for after in range(0, due, streams):
        page = known | {"after": after, "upto": after + streams}
        with connection.transaction():
            folded = list(_fold_page(connection, decoder, aggregate, page))
            found = [each for each in folded if each is not None]
            taken += _save(connection, aggregate, found, refusals)
        unreadable += len(folded) - len(found)
        report(min(after + streams, due), due)
    connection.execute(sql("aggregates/compaction:drop_due"))
    dropped = connection.execute(sql("aggregates/compaction:drop_superseded"), known | {"keep": keep}).rowcount
    after_all, refused = _sizes(connection, name), str(refusals[0]) if refusals else ""
    return Compacted(name, due, taken, dropped, unreadable, before, after_all, len(refusals), refused)


def some_streams(connection: Connection, aggregate: type[Aggregate], count: int) -> tuple[tuple[str, str], ...]:
    """At most `count` streams with snapshots, drawn by chance, as (tenant_id, aggregate_id): for a check by replay."""
    parameters = {"aggregate_type": aggregate.aggregate_type(), "count": count}
    return tuple(
        (row[0], row[1]) for row in connection.execute(sql("aggregates/snapshots:sample"), parameters).fetchall()
    )


def _fold_page(
    connection: Connection, decoder: Decoder, aggregate: type[Aggregate], page: dict[str, Any]
) -> Iterator[Taken | None]:
    """The state of each due stream of the page; None for one that cannot be read. Streamed: memory stays constant."""
    due = connection.execute(sql("aggregates/compaction:states"), page).fetchall()
    states = {number: (state, aggregate_id) for number, state, aggregate_id in due}
    with connection.cursor(name="due_events") as cursor:
        cursor.itersize = EVENTS
        for number, rows in groupby(cursor.execute(sql("aggregates/compaction:events"), page), lambda row: row[0]):
            events = (decoder.event(row[1:]) for row in rows)
            try:
                start = state_of(aggregate, *states[number], connection.keys) if number in states else aggregate()
                yield None if start is None else _folded(start, events)
            except _NotFolded:
                yield None  # the audit names the stream


def _folded(state: Aggregate, events: Iterator[Recorded]) -> Taken:
    stream, version = StreamId("", "", ""), 0
    for event in events:
        try:
            state = fold(state, [event])
        except Exception as error:  # an unreadable event, or any exception of the user's code
            raise _NotFolded from error
        stream, version = event.stream, event.version
    return stream, version, state


class _NotFolded(Exception):
    """The stream's events have no state."""


def _save(
    connection: Connection, aggregate: type[Aggregate], taken: list[Taken], refusals: list[SnapshotRefused]
) -> int:
    """How many were saved. A state that would not round-trip goes to the refusals; an erased person's is skipped."""
    rows = []
    for stream, version, state in taken:
        try:
            if text := text_of(state, stream, connection.keys):
                rows.append((*stream, version, text))
        except SnapshotRefused as refusal:
            refusals.append(refusal)
    names = ("tenant_ids", "aggregate_types", "aggregate_ids", "versions", "states")
    lists = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    connection.execute(sql("aggregates/snapshots:save_many"), lists | {"state_schema": aggregate.state_schema()})
    return len(rows)


def _sizes(connection: Connection, aggregate_type: str) -> Sizes:
    row = connection.execute(sql("aggregates/snapshots:sizes"), {"aggregate_type": aggregate_type}).fetchone()
    return Sizes(*(row or (0, 0, 0)))
