"""The repository: aggregates of an event store, loaded now or as they were, and their snapshots kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from acci.domain.aggregates import Aggregate
from acci.domain.events import StreamId
from acci.store.aggregates.loading import A, Loaded, load, load_behind, require_its_own
from acci.store.aggregates.snapshots import save_snapshot
from acci.store.log.event_store import EventStore
from acci.store.values.timestamps import in_utc


@dataclass(frozen=True, slots=True)
class Repository:
    """The aggregates of one event store. Safe to share between threads."""

    events: EventStore

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
        with self.events.connection() as connection:
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
