"""The event store: what is read, and appending to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from acci.domain.errors import ConcurrencyError
from acci.domain.events import Event, EventData, StreamId
from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.log.append import Append, Encoder, Lend, Recorded, append_one
from acci.store.log.append_transaction import append_together
from acci.store.log.append_within import append_within, in_utc, lent_by_caller
from acci.store.log.bulk import Appended, RawEvent, append_in_bulk
from acci.store.log.expected_version import ExpectedVersion, append_behind
from acci.store.log.idempotency import CommandReused, caused_by, encrypted, is_same, record_of_append
from acci.store.log.payloads import PAYLOAD_LIMIT, check_names
from acci.store.log.reading import EventReader, require
from acci.store.log.stream_locks import in_turn
from acci.store.log.tracing import appending
from acci.store.postgres.database import Connection, Database
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

_lend_on: Callable[[Connection], AbstractContextManager[Connection]] = nullcontext


class EventStore(EventReader):
    """The event log of one database. Safe to share between threads.

    Personal data is encrypted and read with the keys of `database`; appends are traced to where it says. Reading is as
    `EventReader` does it.
    """

    def __init__(self, database: Database, catalogue: Catalogue, payload_limit: int = PAYLOAD_LIMIT) -> None:
        super().__init__(database, catalogue)
        self._encoder = Encoder(catalogue.events, payload_limit, self.keys)
        self._append_one = append_one

    def append(
        self,
        stream: StreamId,
        expected_version: int | ExpectedVersion,
        events: Sequence[Event[EventData]],
        idempotency_key: UUID | None = None,
        connection: psycopg.Connection[Any] | None = None,
    ) -> tuple[Recorded, ...]:
        """Store all `events`, or none, as versions `expected_version + 1 …` of `stream`, in one round trip.

        With `ANY` or `EXISTS` instead of a version, they are stored behind the stream's last event, whatever versions
        they come with. `EXISTS` wants one event at least.

        With an `idempotency_key`, their `causation_id`, they are stored once, however often they are sent: for a key
        seen before, the events stored then are returned, and the stream's version is not checked. Without one, nothing
        checks whether the events' ids are in the log already, unless ACCI_UNIQUE_EVENT_IDS made them unique.

        With a `connection` of the caller's, to the same database, they are stored in its transaction: when that
        commits, they are there; rolled back, neither they nor the key are, and the same may be sent again. Until it
        ends, the high-water mark waits for it, and with it every read model. A refusal leaves the transaction usable.

        Raises `ConcurrencyError` if the stream is not at `expected_version`, `NoSuchStream`, `NoTransaction`;
        `MisplacedEvent`, `UnknownName`, `PayloadTooLarge` or `Unstorable` before anything is sent; `CommandReused` if
        the key came with other events before; `EventIdTaken`.
        """
        if not events:
            return ()
        check_names(stream)
        if idempotency_key is not None and not isinstance(idempotency_key, UUID):
            raise TypeError(f"The idempotency_key {idempotency_key!r:.100} is no UUID: make one by uuid.UUID(…).")
        if not isinstance(expected_version, ExpectedVersion):
            require("expected_version", expected_version)
        if connection is not None:
            with lent_by_caller(connection) as lent:
                stored = self._as_part_of(lent)._append(stream, idempotency_key, expected_version, events)  # noqa: SLF001
            return tuple(map(in_utc, stored))
        return self._append(stream, idempotency_key, expected_version, events)

    def _append(
        self,
        stream: StreamId,
        idempotency_key: UUID | None,
        expected_version: int | ExpectedVersion,
        events: Sequence[Event[EventData]],
    ) -> tuple[Recorded, ...]:
        if isinstance(expected_version, ExpectedVersion):
            at = partial(self._append, stream, idempotency_key)
            return append_behind(stream, expected_version, events, self.version, at)
        if idempotency_key is None:
            return self.commit([Append(stream, expected_version, events)])[0]
        return self._append_once(stream, expected_version, caused_by(idempotency_key, events), idempotency_key)

    def commit(
        self,
        appends: Sequence[Append],
        unchanged: Mapping[StreamId, int] | None = None,
        connection: Connection | None = None,
    ) -> tuple[tuple[Recorded, ...], ...]:
        """Store all `appends`, in order, or nothing, in one round trip; each append's events as stored.

        The streams in `unchanged` must be at those versions, else nothing is stored and `StreamChanged` is raised.
        Each append's command is stored with it. Otherwise as `append`; raises `ConcurrencyError` also for a
        command that was handled before. On `connection`, if the caller has borrowed one already.
        """
        lend = self._lending(connection)
        if self.tracing is None:
            return self._stored(lend, appends, unchanged)
        with appending(self.tracing, appends) as note:
            recorded = self._stored(lend, appends, unchanged)
            note(recorded)
        return recorded

    def _stored(
        self, lend: Lend, appends: Sequence[Append], unchanged: Mapping[StreamId, int] | None
    ) -> tuple[tuple[Recorded, ...], ...]:
        if len(appends) == 1 and not unchanged:
            return (self._append_one(lend, appends[0], self._encoder),)
        return append_together(lend, appends, self._encoder, unchanged or {})

    def _lending(self, connection: Connection | None) -> Lend:
        """Lends `connection`; without one, a connection of the database's."""
        return self.connection if connection is None else partial(_lend_on, connection)

    def _append_once(
        self, stream: StreamId, expected_version: int, events: Sequence[Event[EventData]], key: UUID
    ) -> tuple[Recorded, ...]:
        append = Append(stream, expected_version, events)
        self._encoder.statement(append)  # refuses events without a canonical form
        record = record_of_append(stream, events, key)
        personal = have_personal_fields({type(each.data) for each in events})
        stored = encrypted(record, stream, events, self.keys) if personal else record
        try:
            return self.commit([append._replace(command=stored)])[0]
        except ConcurrencyError:
            about = {"tenant_id": stream.tenant_id, "command_id": key}
            with self.connection() as connection:
                known = connection.execute(sql("log/commands:content"), about).fetchone()
            if known is None:
                raise
            if not is_same(record, bytes(known[0]), self.keys):
                raise CommandReused(record.name, str(key)) from None
            return self.result_of(stream.tenant_id, key)

    @contextmanager
    def in_turn(self, written: Sequence[StreamId], read: Iterable[StreamId] = ()) -> Iterator["EventStore"]:
        """This store, in one transaction that holds the stream locks of these streams.

        Another process that holds one is waited for, but not long: after that, without the locks and the transaction.
        """
        with self.connection() as connection, in_turn(connection, written, read):
            yield self._on(connection)

    def _on(self, connection: Connection) -> "EventStore":
        """This store, on that connection alone."""
        store = copy(self)
        store.connection = self._lending(connection)
        return store

    def _as_part_of(self, connection: Connection) -> "EventStore":
        """This store, in the transaction of the caller whose connection that is."""
        store = self._on(connection)
        store._append_one = append_within  # noqa: SLF001 its own
        return store

    def result_of(self, tenant_id: str, command_id: UUID, connection: Connection | None = None) -> tuple[Recorded, ...]:
        """The events that a command led to when it was handled; none if it led to none or is not known.

        On `connection`, if the caller has borrowed one already.
        """
        arguments = {"tenant_id": tenant_id, "command_id": command_id}
        with self._lending(connection)() as lent:
            rows = lent.execute(sql("log/commands:events"), arguments).fetchall()
        return tuple(map(self.decoder.event, rows))

    def append_in_bulk(self, events: Iterable[Event[EventData] | RawEvent]) -> Appended:
        """Store all `events`, of any streams, with the versions and timestamps they have, or none, by COPY.

        Streamed, memory stays flat. Raises `BulkRefused` if a version or an event's id is taken, or a stream would have
        a gap; `PayloadTooLarge` or `Unstorable`.
        """
        with self.connection() as connection:
            return append_in_bulk(connection, events, self._encoder.payload_limit)
