"""The repository: aggregates of an event store, loaded now or as they were, and their snapshots kept.

Loading takes the newest snapshot that fits and the events behind it, folded; one round trip.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from acci.domain.aggregates import Aggregate
from acci.domain.events import Event, EventData, StreamId, Unreadable, Unregistered
from acci.store.aggregates.loading import A, Loaded, UnreadableEvent, UnregisteredEvent, WrongAggregate
from acci.store.aggregates.snapshots import save_snapshot, state_of
from acci.store.log.decoding import Decoder
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.values.timestamps import in_utc

EVENTS = 10_000  # decoded at a time


@dataclass(frozen=True, slots=True)
class Repository:
    """The aggregates of one event store. Safe to share between threads, unless it was made for one `connection`."""

    events: EventStore
    connection: Connection | None = None

    def load(
        self,
        aggregate: type[A],
        stream: StreamId,
        to_version: int | None = None,
        as_of: datetime | None = None,
        command_id: UUID | None = None,
        known: Loaded[A] | None = None,
    ) -> Loaded[A]:
        """The aggregate's state now, at `to_version`, or `as_of` a timestamp; in one round trip.

        As of a timestamp: the stream is cut before its first event that happened later. Timestamps come from senders'
        clocks; cut like this, the state is one that the aggregate once had. With `command_id`, also whether that
        command was handled. A `known` state is not read again if the stream still has it.

        Raises `UnreadableEvent` if an event that the state depends on cannot be read, `WrongTimestamp`,
        `WrongAggregate`.
        """
        if as_of is not None:
            as_of = in_utc(as_of)
        with self.events.connection() if self.connection is None else nullcontext(self.connection) as connection:
            if known is not None and known.newest is not None:
                found = load_behind(connection, self.events.decoder, stream, known, command_id)
                if found is not None:
                    return found
            return load(connection, self.events.decoder, aggregate, stream, to_version, as_of, command_id)

    def save_snapshot(self, stream: StreamId, version: int, state: Aggregate) -> None:
        """Keep `state` as what the stream's events up to `version` fold to; loading begins there from now on.

        Raises `WrongAggregate`, `SnapshotRefused`.
        """
        require_its_own(type(state), stream)
        with self.events.connection() as connection:
            save_snapshot(connection, stream, version, state)


def load(
    connection: Connection,
    decoder: Decoder,
    aggregate: type[A],
    stream: StreamId,
    to_version: int | None = None,
    as_of: datetime | None = None,
    command_id: UUID | None = None,
    snapshots: bool = True,
) -> Loaded[A]:
    """The aggregate now, at `to_version`, or `as_of` a timestamp: cut before its first event that happened later.

    A snapshot that another schema made, that cannot be read, or that is ahead of the log, is ignored.
    Raises `UnreadableEvent` if an event that its state depends on cannot be read, `WrongAggregate`.
    """
    require_its_own(aggregate, stream)
    arguments = {
        **stream._asdict(),
        "to_version": to_version,
        "as_of": as_of,
        "command_id": command_id,
        # A snapshot does not say when what is in it happened.
        "state_schema": aggregate.state_schema() if aggregate.snapshot_every and snapshots and as_of is None else "",
    }
    rows: Sequence[Sequence[Any]] = connection.at_hand.execute(sql("aggregates/load:state"), arguments).fetchall()
    if rows and rows[0][4] == 0:
        return Loaded(aggregate(), rows[-1][4], 0, bytes.fromhex(rows[0][10]))
    if not rows:
        return Loaded(aggregate(), 0, 0)
    start, snapshot_version, newest = aggregate(), 0, rows[-1]
    if rows[0][9] is None:
        kept = state_of(aggregate, rows[0][10], stream.aggregate_id, connection.keys)
        if kept is None:
            return load(connection, decoder, aggregate, stream, to_version, as_of, command_id, snapshots=False)
        start, snapshot_version, rows = kept, rows[0][4], rows[1:]
    state = _folded(start, decoder, rows)
    return Loaded(state, newest[4], snapshot_version, newest=newest[3])


def load_behind(
    connection: Connection, decoder: Decoder, stream: StreamId, known: Loaded[A], command_id: UUID | None
) -> Loaded[A] | None:
    """The aggregate now, folded on from the known state; None if its stream no longer has that version (a restore)."""
    arguments = {**stream._asdict(), "version": known.version, "command_id": command_id}
    rows: Sequence[Sequence[Any]] = connection.at_hand.execute(sql("aggregates/load:behind"), arguments).fetchall()
    if rows and rows[0][4] == 0:
        return Loaded(type(known.state)(), rows[-1][4], 0, bytes.fromhex(rows[0][10]))
    if not rows or (rows[0][4], rows[0][3]) != (known.version, known.newest):
        return None
    state = _folded(known.state, decoder, rows[1:])
    return Loaded(state, rows[-1][4], known.snapshot_version, newest=rows[-1][3])


def _folded(state: A, decoder: Decoder, rows: Sequence[Sequence[Any]]) -> A:
    """The state after the events of these rows; never all of a long stream's are in memory beside them."""
    for start in range(0, len(rows), EVENTS):
        state = fold(state, decoder.events(rows[start : start + EVENTS]))
    return state


def affects_state(event_type: str, data: Unreadable, state: Aggregate) -> bool:
    """Whether the state depends on an event that cannot be read. An event of no known type may."""
    return isinstance(data, Unregistered) or event_type in state.evolutions


def require_its_own(aggregate: type[Aggregate], stream: StreamId) -> None:
    """Raises `WrongAggregate` for a stream of another aggregate."""
    if aggregate.aggregate_type() != stream.aggregate_type:
        raise WrongAggregate(aggregate.aggregate_type(), stream.aggregate_type, stream.aggregate_id)


def fold(state: A, events: Iterable[Event[EventData]]) -> A:
    """The state after `events`. Raises `UnreadableEvent` if one that it depends on cannot be read."""
    for event in events:
        if isinstance(event.data, Unreadable) and affects_state(event.event_type, event.data, state):
            kind = UnregisteredEvent if isinstance(event.data, Unregistered) else UnreadableEvent
            raise kind(event.event_type, event.aggregate_id, event.version, event.data.reason)
        state = state.evolve(event)
    return state
