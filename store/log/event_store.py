"""The event store: append and read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import copy
from datetime import datetime
from uuid import UUID

from acci.domain.errors import ConcurrencyError
from acci.domain.events import Event, EventData, StreamId
from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.log.append import Append, Encoder, Lend, Recorded, append_one
from acci.store.log.append_errors import version_of
from acci.store.log.append_transaction import append_together
from acci.store.log.bulk import Appended, RawEvent, append_in_bulk
from acci.store.log.decoding import Decoder
from acci.store.log.high_water import establish
from acci.store.log.idempotency import CommandReused, caused_by, encrypted, is_same, record_of_append
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.log.stream_locks import in_turn
from acci.store.log.tracing import appending
from acci.store.postgres.database import Database
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue
from acci.store.values.timestamps import in_utc

PAGE = 1000  # events a round trip when reading


class EventStore:
    """The event log of one database. Safe to share between threads.

    Personal data is encrypted and read with the keys of `database`; appends are traced to where it says.
    """

    def __init__(self, database: Database, catalogue: Catalogue, payload_limit: int = PAYLOAD_LIMIT) -> None:
        self.connection: Lend = database.connection  # lends a connection to the log's database, in autocommit
        self._catalogue = catalogue
        self.keys = database.keys
        self.tracing = database.tracing
        self._encoder = Encoder(catalogue.events, payload_limit, self.keys)
        self.decoder = Decoder(catalogue.stored, catalogue.retired, self.keys)

    def append(
        self,
        stream: StreamId,
        expected_version: int,
        events: Sequence[Event[EventData]],
        idempotency_key: UUID | None = None,
    ) -> tuple[Recorded, ...]:
        """Store all `events`, or none, as versions `expected_version + 1 …` of `stream`, in one round trip.

        With an `idempotency_key`, their `causation_id`, they are stored once, however often they are sent: for a key
        seen before, the events stored then are returned, and the stream's version is not checked. Without one, nothing
        checks whether the events' ids are in the log already, unless ACCI_UNIQUE_EVENT_IDS made them unique.

        Raises `ConcurrencyError` if the stream is not at `expected_version`; `MisplacedEvent`, `UnknownName`,
        `PayloadTooLarge` or `Unstorable` before anything is sent; `CommandReused` if the key came with other events
        before; `EventIdTaken`.
        """
        if not events:
            return ()
        if idempotency_key is None:
            return self.commit([Append(stream, expected_version, events)])[0]
        return self._append_once(stream, expected_version, caused_by(idempotency_key, events), idempotency_key)

    def commit(
        self, appends: Sequence[Append], unchanged: Mapping[StreamId, int] | None = None
    ) -> tuple[tuple[Recorded, ...], ...]:
        """Store all `appends`, in order, or nothing, in one round trip; each append's events as stored.

        The streams in `unchanged` must be at those versions, else nothing is stored and `StreamChanged` is raised.
        Each append's command is stored with it. Otherwise as `append`; raises `ConcurrencyError` also for a
        command that was handled before.
        """
        if self.tracing is None:
            return self._stored(appends, unchanged)
        with appending(self.tracing, appends) as note:
            recorded = self._stored(appends, unchanged)
            note(recorded)
        return recorded

    def _stored(
        self, appends: Sequence[Append], unchanged: Mapping[StreamId, int] | None
    ) -> tuple[tuple[Recorded, ...], ...]:
        if len(appends) == 1 and not unchanged:
            return (append_one(self.connection, appends[0], self._encoder),)
        return append_together(self.connection, appends, self._encoder, unchanged or {})

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
            store = copy(self)
            store.connection = lambda: nullcontext(connection)
            yield store

    def result_of(self, tenant_id: str, command_id: UUID) -> tuple[Recorded, ...]:
        """The events that a command led to when it was handled; none if it led to none or is not known."""
        arguments = {"tenant_id": tenant_id, "command_id": command_id}
        with self.connection() as connection:
            rows = connection.execute(sql("log/commands:events"), arguments).fetchall()
        return tuple(map(self.decoder.event, rows))

    def append_in_bulk(self, events: Iterable[Event[EventData] | RawEvent]) -> Appended:
        """Store all `events`, of any streams, with the versions and timestamps they have, or none, by COPY.

        Streamed, memory stays flat. Raises `BulkRefused` if a version or an event's id is taken, or a stream would have
        a gap; `PayloadTooLarge` or `Unstorable`.
        """
        with self.connection() as connection:
            return append_in_bulk(connection, events, self._encoder.payload_limit)

    def version(self, stream: StreamId) -> int:
        """The stream's version now; 0 if there is no such stream."""
        with self.connection() as connection:
            return version_of(connection, stream)

    def read_stream(
        self,
        stream: StreamId,
        from_version: int = 1,
        to_version: int | None = None,
        as_of: datetime | None = None,
    ) -> Iterator[Recorded]:
        """The stream's events in order, both versions included; `as_of` a timestamp, as `load` does.

        Streamed in pages: memory stays flat, and no connection is held between them. Raises `WrongTimestamp`.
        """
        if as_of is not None:
            as_of = in_utc(as_of)
        window = {**stream._asdict(), "to_version": to_version, "as_of": as_of, "page": PAGE}
        while True:
            with self.connection() as connection:
                rows = connection.execute(sql("log/read_stream"), {**window, "from_version": from_version}).fetchall()
            for row in rows:
                yield self.decoder.event(row)
            if len(rows) < PAGE:
                return
            from_version = rows[-1][4] + 1

    def read_correlated(self, tenant_id: str, correlation_id: str, newest: int | None = None) -> tuple[Recorded, ...]:
        """The events of one correlation, across aggregates, in order of position; or only the newest of them."""
        arguments = {"tenant_id": tenant_id, "correlation_id": correlation_id, "limit": newest}
        with self.connection() as connection:
            rows = connection.execute(sql("log/events:of_correlation"), arguments).fetchall()
        return tuple(map(self.decoder.event, rows))

    def read_all(
        self,
        after: int = 0,
        up_to: int | None = None,
        event_types: Iterable[str] | None = None,
        tenant_id: str | None = None,
    ) -> Iterator[Recorded]:
        """Events at positions above `after`, in order, never beyond the high-water mark: none is skipped.

        Of these types only, by today's names or former ones. Streamed in pages: memory stays flat, and no connection is
        held between them. Raises `UnknownName` or `NotAList` at once.
        """
        types = None if event_types is None else self._catalogue.stored_names(event_types)
        return self._read_all(after, up_to, types, tenant_id)

    def _read_all(
        self, after: int, up_to: int | None, event_types: list[str] | None, tenant_id: str | None
    ) -> Iterator[Recorded]:
        with self.connection() as connection:
            mark = establish(connection).position
        window = {
            "up_to": mark if up_to is None else min(up_to, mark),
            "event_types": event_types,
            "tenant_id": tenant_id,
            "page": PAGE,
        }
        while True:
            with self.connection() as connection:
                rows = connection.execute(sql("log/events:page"), {**window, "after": after}).fetchall()
            for row in rows:
                yield self.decoder.event(row)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]
