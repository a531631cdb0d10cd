"""Reading the log: one event, one stream, one correlation, or all that was ever stored, either way round."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from acci.domain.errors import AcciError
from acci.domain.events import StreamId
from acci.store.log.append import Lend, Recorded
from acci.store.log.append_errors import version_of
from acci.store.log.decoding import Decoder
from acci.store.log.high_water import establish
from acci.store.log.payloads import check_names
from acci.store.postgres.database import Database
from acci.store.postgres.statements import sql
from acci.store.postgres.tenants import enter
from acci.store.registry import Catalogue
from acci.store.values.timestamps import in_utc

PAGE = 1000  # events a round trip
Row = Sequence[Any]
Read = Callable[[dict[str, int], int], Sequence[Row]]


class TenantNeeded(AcciError):
    """Events of every tenant were asked for, by a role that sees one tenant's."""

    role: str

    sentence = (
        "The role acci_{role} sees the events of one tenant: give tenant_id, or read with a Database whose "
        "role is project or administer."
    )


class WrongBound(AcciError):
    """A bound of what is to be read, or a version, has a value that means nothing."""

    name: str
    value: str
    least: int

    sentence = "{name} is {value}: give it a whole number from {least} on, below 2^63."


def require(name: str, value: int | None, least: int = 0) -> None:
    """Raises `WrongBound` for what is no whole number from `least` on that PostgreSQL can hold."""
    if value is not None and (type(value) is not int or not least <= value < 2**63):
        raise WrongBound(name, f"{value!r:.100}", least)


class EventReader:
    """The event log of one database, to be read. Safe to share between threads.

    Bounds have the same names everywhere: the events after `after`, to `to` inclusive, at most `limit` of them, and
    `backwards` from the last. In a stream they are versions, in the log positions. What is read in pages of `page`
    events keeps memory flat, and holds no connection between them. Personal data is read with the database's keys.
    """

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.connection: Lend = database.connection  # lends a connection to the log's database, in autocommit
        self.keys = database.keys
        self.tracing = database.tracing
        self.decoder = Decoder(catalogue.stored, catalogue.retired, self.keys)
        self._catalogue = catalogue
        self._role = database.role

    def version(self, stream: StreamId) -> int:
        """The stream's version now; 0 if there is no such stream."""
        check_names(stream)
        with self.connection() as connection:
            return version_of(connection, stream)

    def exists(self, stream: StreamId) -> bool:
        """Whether the stream has an event."""
        return self.version(stream) > 0

    def last_event(self, stream: StreamId) -> Recorded | None:
        """The stream's last event; None if there is no such stream."""
        return next(self.read_stream(stream, limit=1, backwards=True), None)

    def event(self, event_id: UUID, tenant_id: str | None = None) -> Recorded | None:
        """The event with this id, of that tenant if one is given; None without one. Raises `TenantNeeded`."""
        if not isinstance(event_id, UUID):
            raise TypeError(f"The id {event_id!r:.100} is no UUID.")
        rows = self._within(tenant_id, "log/events:of_id", {"id": event_id})
        return self.decoder.event(rows[0]) if rows and tenant_id in (None, rows[0][6]) else None

    def read_stream(
        self,
        stream: StreamId,
        after: int = 0,
        to: int | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
        backwards: bool = False,
        page: int = PAGE,
    ) -> Iterator[Recorded]:
        """The stream's events in order of version; `as_of` a timestamp, as `load` does.

        Raises `WrongTimestamp`, `WrongBound`.
        """
        check_names(stream)
        require("after", after)
        require("to", to)
        until = None if as_of is None else in_utc(as_of)
        window = {**stream._asdict(), "after": after, "to": to, "as_of": until}
        statement = "log/streams:events_backwards" if backwards else "log/streams:events"

        def read(where: dict[str, int], size: int) -> Sequence[Row]:
            with self.connection() as connection:
                return connection.execute(sql(statement), {**window, **where, "page": size}).fetchall()

        return self._paged(read, 4, limit, backwards, page)

    def read_correlated(
        self, tenant_id: str, correlation_id: str, limit: int | None = None, backwards: bool = False
    ) -> tuple[Recorded, ...]:
        """The events of one correlation, whatever their aggregate, in order of position. Raises `WrongBound`."""
        check_names(StreamId(tenant_id, "", correlation_id))
        require("limit", limit)
        arguments = {"tenant_id": tenant_id, "correlation_id": correlation_id, "limit": limit}
        statement = "log/events:of_correlation_backwards" if backwards else "log/events:of_correlation"
        with self.connection() as connection:
            rows = connection.execute(sql(statement), arguments).fetchall()
        return tuple(map(self.decoder.event, rows))

    def read_all(
        self,
        after: int = 0,
        to: int | None = None,
        event_types: Iterable[str] | None = None,
        tenant_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        backwards: bool = False,
        page: int = PAGE,
    ) -> Iterator[Recorded]:
        """Events of the log in order of position, never beyond the high-water mark: none is skipped.

        Of these types only, by today's names or former ones; of that tenant; that happened at or after `since` and
        before `until`, by their senders' clocks: those are looked for among all others.
        Raises `UnknownName`, `NotAList`, `TenantNeeded`, `WrongTimestamp` or `WrongBound` at once.
        """
        self._require_tenant(tenant_id)
        require("after", after)
        require("to", to)
        window = {
            "after": after,
            "event_types": None if event_types is None else self._catalogue.stored_names(event_types),
            "tenant_id": tenant_id,
            "since": None if since is None else in_utc(since),
            "until": None if until is None else in_utc(until),
        }
        statement = "log/events:read_backwards" if backwards else "log/events:read"
        mark: list[int] = []

        def read(where: dict[str, int], size: int) -> Sequence[Row]:
            if not mark:
                with self.connection() as connection:
                    mark.append(establish(connection).position)
            last = mark[0] if to is None else min(to, mark[0])
            return self._within(tenant_id, statement, {**window, "to": last, **where, "page": size})

        return self._paged(read, 0, limit, backwards, page)

    def streams(
        self,
        tenant_id: str,
        aggregate_type: str | None = None,
        prefix: str = "",
        after: StreamId | None = None,
        limit: int | None = None,
    ) -> Iterator[StreamId]:
        """The tenant's streams, by type and id; of one type, or with ids that begin with `prefix`, if that is given.

        In the order of the database's collation, after the stream `after`. Read in pages. Raises `WrongBound`.
        """
        check_names(StreamId(tenant_id, "" if aggregate_type is None else aggregate_type, prefix))
        require("limit", limit)
        return self._streams(tenant_id, aggregate_type, prefix, after, limit)

    def _streams(
        self, tenant_id: str, aggregate_type: str | None, prefix: str, after: StreamId | None, limit: int | None
    ) -> Iterator[StreamId]:
        types = [aggregate_type]
        if aggregate_type is None:
            types = [row[0] for row in self._within(tenant_id, "log/streams:all_types", {"tenant_id": tenant_id})]
        if after is not None and after.aggregate_type in types:
            types = types[types.index(after.aggregate_type) :]
        left = limit
        for each in types:
            last = after.aggregate_id if after is not None and after.aggregate_type == each else ""
            window = {"tenant_id": tenant_id, "aggregate_type": each, "prefix": prefix}
            while left is None or left > 0:
                size = PAGE if left is None else min(PAGE, left)
                rows = self._within(tenant_id, "log/streams:of_type", {**window, "after": last, "page": size})
                yield from (StreamId(tenant_id, str(each), row[0]) for row in rows)
                left = None if left is None else left - len(rows)
                if len(rows) < size:
                    break
                last = rows[-1][0]

    def _require_tenant(self, tenant_id: str | None) -> None:
        if tenant_id is None and self._role in ("append", "read"):
            raise TenantNeeded(self._role)

    def _within(self, tenant_id: str | None, statement: str, arguments: dict[str, Any]) -> Sequence[Row]:
        """The statement's rows, as that tenant sees them, if one is given."""
        self._require_tenant(tenant_id)
        with self.connection() as connection:
            if tenant_id is None:
                return connection.execute(sql(statement), arguments).fetchall()
            with connection.pipeline(), connection.transaction():
                enter(connection, tenant_id, local=True)
                return connection.execute(sql(statement), arguments).fetchall()

    def _paged(self, read: Read, place: int, limit: int | None, backwards: bool, page: int) -> Iterator[Recorded]:
        require("limit", limit)
        require("page", page, 1)
        return self._pages(read, place, limit, backwards, page)

    def _pages(self, read: Read, place: int, limit: int | None, backwards: bool, page: int) -> Iterator[Recorded]:
        """Page after page; a row has at `place` what the next begins after, or ends before."""
        where: dict[str, int] = {}
        while limit is None or limit > 0:
            size = page if limit is None else min(page, limit)
            rows = read(where, size)
            yield from map(self.decoder.event, rows)
            if len(rows) < size:
                return
            limit = None if limit is None else limit - size
            where = {"to": rows[-1][place] - 1} if backwards else {"after": rows[-1][place]}
