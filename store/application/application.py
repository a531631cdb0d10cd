"""The application: one object for a program that sends commands and asks questions.

Longer than most modules: it lists all that a program can ask, one method each, with nothing else in it.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any, Self, TypeVar, overload
from uuid import UUID

from pydantic import BaseModel

from acci.domain.aggregates import Aggregate
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError, UnknownName
from acci.domain.events import StreamId
from acci.domain.projections import Projection
from acci.domain.queries import OneQuery, Query, Question
from acci.store.aggregates.history import Change, history, types_of
from acci.store.aggregates.loading import Loaded
from acci.store.aggregates.repository import Repository
from acci.store.application.acting import tenant_of
from acci.store.application.given import of_class, projection_name, require_versions, stream_of
from acci.store.application.handled import Handled
from acci.store.application.pool import ApplicationPool, where_reads_go
from acci.store.application.sending import as_command
from acci.store.commands.handler import CommandHandler
from acci.store.database_url import database_url
from acci.store.encryption.configured import key_store
from acci.store.generations.generations import NotBuilt
from acci.store.log.append import Recorded
from acci.store.log.event_store import EventStore
from acci.store.log.expected_version import EXISTS, ExpectedVersion, require_stream
from acci.store.log.payloads import check_names
from acci.store.log.reading import EventReader, require
from acci.store.monitoring.status import Status, read_status
from acci.store.postgres.refusals import TranslatedErrors
from acci.store.postgres.replica import Lag, Replica
from acci.store.reading.queries import NotPublished, ask
from acci.store.reading.waiting import looking, wait
from acci.store.registry import load, several
from acci.store.settings import Settings
from acci.store.telemetry import Tracing
from acci.store.values.timestamps import in_utc

A = TypeVar("A", bound=Aggregate)
R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")
WAIT = 10.0  # seconds


class Application:
    """A database and the domains in it, for a program that sends commands and asks questions.

    `database` is a URL, `contexts` are modules or `Context` objects; what is None is what `settings` say, or the
    environment. One pool of connections, opened at first use, with the rights to append; each question takes those of
    reading for its transaction. Safe to share between threads, and by a process that is forked off. Close it, or use it
    in a `with`.

    Where the settings name a replica (ACCI_READ_URL), `query`, `as_of`, `history`, `read` and `status` read it while it
    is little behind, and `wait_for` waits for it. What decides never does: `send`, `load`, `events` are of the primary.

    Tenant, person and correlation of a call are its arguments, or those of `acting_as`. A call that needs a tenant and
    has none raises `NoTenant`. What PostgreSQL refuses is raised as an `AcciError` that says what to do.
    """

    def __init__(
        self,
        database: str | None = None,
        contexts: Iterable[str | Context] | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        settings = settings or Settings.from_environment()
        if database is not None:
            settings = replace(settings, database_url=database)
        self.catalogue = load(settings.contexts if contexts is None else contexts)
        self.database = ApplicationPool(
            database_url(settings),
            role="append",
            limits=settings.limits,
            keys=key_store(settings),
            tracing=Tracing.from_environment(),
        )
        self.events = EventStore(self.database, self.catalogue)
        self._reads = where_reads_go(self.database, settings)
        self._repository = Repository(self.events)
        self._handler = CommandHandler(self.events, self.catalogue)

    def send(
        self,
        command: CommandData,
        *,
        tenant_id: str | None = None,
        user_id: str | None = None,
        correlation_id: str | None = None,
        expected_version: int | ExpectedVersion | None = None,
        idempotency_key: UUID | None = None,
        timestamp: datetime | None = None,
    ) -> Handled:
        """Have the command's aggregate decide, and store what that leads to; the events as stored.

        Sent again with the same `idempotency_key`, it happens once and has the same answer. With `expected_version`
        it meets that version or fails at once; with `EXISTS` the aggregate must have begun. Events have the command's
        id as their cause. Raises `UnknownName`, `InvalidCommand`, `Refused`, `ConcurrencyError`, `NoSuchStream`,
        `CommandReused`.
        """
        given = as_command(command, idempotency_key, tenant_id, user_id, correlation_id, timestamp)
        version = None if isinstance(expected_version, ExpectedVersion) else expected_version
        require("expected_version", version)
        with TranslatedErrors():
            if expected_version is EXISTS:
                stream = self._stream_of(given)
                require_stream(stream, self.events.version(stream), EXISTS)
            return self._handled(given, self._handler.handle(given, version))

    def send_together(
        self,
        commands: Sequence[CommandData],
        *,
        unchanged: Mapping[StreamId, int] | None = None,
        tenant_id: str | None = None,
        user_id: str | None = None,
        correlation_id: str | None = None,
        idempotency_key: UUID | None = None,
        timestamp: datetime | None = None,
    ) -> tuple[Handled, ...]:
        """Handle the commands in order, in one transaction: all that they lead to is stored, or nothing.

        The streams in `unchanged` must be at those versions, whether they are written or not. Sent again with the same
        `idempotency_key`, in the same order, they happen once. Otherwise as `send`.
        """
        require_versions(unchanged or {})
        given = [
            as_command(
                command,
                idempotency_key,
                tenant_id,
                user_id,
                correlation_id,
                timestamp,
                place,
            )
            for place, command in enumerate(commands)
        ]
        with TranslatedErrors():
            results = self._handler.handle_together(given, unchanged)
            return tuple(self._handled(one, events) for one, events in zip(given, results, strict=True))

    def load(
        self,
        aggregate: type[A],
        aggregate_id: str,
        *,
        tenant_id: str | None = None,
        to_version: int | None = None,
        as_of: datetime | None = None,
    ) -> Loaded[A]:
        """The aggregate's `state` and `version` now, at `to_version`, or `as_of` a timestamp; version 0 without events.

        Raises `UnknownName`, `UnreadableEvent`, `WrongTimestamp`.
        """
        stream = stream_of(of_class(aggregate, Aggregate), aggregate_id, tenant_id)
        require("to_version", to_version)
        if self.catalogue.aggregate(stream.aggregate_type) is not aggregate:
            raise DefinitionError(f"Aggregate {aggregate.__name__}", "another class of that name is registered.")
        with TranslatedErrors():
            return self._repository.load(aggregate, stream, to_version, as_of)

    def history(
        self,
        aggregate: type[Aggregate] | str,
        aggregate_id: str,
        *,
        tenant_id: str | None = None,
        after: int = 0,
        to: int | None = None,
        limit: int | None = None,
        backwards: bool = False,
    ) -> list[Change]:
        """The aggregate's events with who, when, why, and the difference that each made to its state.

        Those after version `after`, to version `to`, at most `limit`; `backwards` from the last. Raises `UnknownName`,
        `WrongBound`.
        """
        stream = stream_of(aggregate, aggregate_id, tenant_id)

        def asked(events: EventStore, database: ApplicationPool) -> list[Change]:
            name = stream.aggregate_type
            if name not in self.catalogue.aggregates:
                types = types_of(database, stream.tenant_id, aggregate_id)
                if name not in types:
                    raise UnknownName("aggregate", name, (*self.catalogue.aggregates, *types))
            return list(history(events, self.catalogue, stream, after, to, limit, backwards))

        with TranslatedErrors():
            return self._reads.read(lambda database: asked(self._log_of(database), database), (UnknownName,))

    def read(self, work: Callable[[EventReader], T]) -> T:
        """What `work` reads of the log: by the replica, if reads go there, else as `events`.

        What the replica lacks yet may be missing; `events` lacks nothing. `work` may be called again, for the primary.
        """
        with TranslatedErrors():
            return self._reads.read(lambda database: work(EventReader(database, self.catalogue)))

    @overload
    def query(self, query: Query[R], *, tenant_id: str | None = None) -> list[R]: ...
    @overload
    def query(self, query: OneQuery[R], *, tenant_id: str | None = None) -> R | None: ...
    def query(self, query: Question[Any], *, tenant_id: str | None = None) -> Any:
        """The rows that answer the query; of a `OneQuery` that row, or None.

        Asked within that tenant, or the query's own field `tenant_id`. As far as the read model has come; `wait_for`
        waits. Raises `UnknownName`, `InvalidQuery`, `NotPublished`, `DefinitionError`.
        """
        if not isinstance(query, Question):
            raise TypeError(f"{query!r:.100} is no query.")
        tenant = tenant_of(getattr(query, "tenant_id", None) if tenant_id is None else tenant_id)

        def asked(database: ApplicationPool) -> Any:
            with database.connection() as connection:
                return ask(connection, self.catalogue, query, tenant, role="read")

        with TranslatedErrors():
            return self._reads.read(asked, (NotPublished,))

    def as_of(
        self,
        projection: type[Projection] | str,
        at: datetime | int,
        key: Sequence[object] | None = None,
        *,
        tenant_id: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The tenant's rows of a read model as they were at a timestamp or a position, derived from the events.

        In order of key; `key`, in the order of the projection's key, narrows to one row, `limit` to the first so many.
        Raises `UnknownName`, `NotFinal`, `NotApplicable`, `WrongTimestamp`, `WrongKey`, `NotBuilt`, `RebuildNeeded`.
        """
        from acci.store.reading.as_of import NotFinal, rows_as_of  # it needs the extra `projections`, the rest does not

        declared = self.catalogue.projection(projection_name(projection))
        if isinstance(at, int):
            require("at", at, -(2**63))
        position, timestamp = (at, None) if isinstance(at, int) else (None, in_utc(at))
        require("limit", limit)
        keys = None if key is None else [tuple(key)]
        tenant = tenant_of(tenant_id)

        def derived(database: ApplicationPool) -> list[dict[str, Any]]:
            with database.reading("read", tenant) as connection:
                rows = rows_as_of(connection, self.catalogue, declared, position, timestamp, keys, limit)
                with closing(rows):
                    return list(rows)

        return self._reads.read(derived, (NotBuilt, NotFinal))

    def wait_for(
        self,
        position: int | Handled,
        projections: Iterable[type[Projection] | str] | None = None,
        timeout: float = WAIT,
    ) -> None:
        """Return once the events up to `position`, or those of a handled command, are in the live read models.

        In all registered ones, or those in `projections`. No connection is held meanwhile. Raises `UnknownName`;
        `NotThereYet` after `timeout` seconds.
        """
        wait(self.looking(position, projections, timeout))

    def looking(
        self, position: int | Handled, projections: Iterable[type[Projection] | str] | None, timeout: float
    ) -> Generator[float, None, None]:
        """As `wait_for`, look by look: yields the seconds to wait before the next, for loops of other kinds."""
        names = (
            sorted(self.catalogue.projections)
            if projections is None
            else [projection_name(each) for each in several(projections, "projections")]
        )
        last = position.position if isinstance(position, Handled) else position
        require("position", last)
        for name in names:
            self.catalogue.projection(name)
        if last is not None:
            with TranslatedErrors():
                yield from looking(self._reads, names, last, timeout)

    def status(self, tenant_id: str | None = None) -> Status:
        """Where the log, projections and reactions stand; with `tenant_id`, the lag in that tenant's events only.

        Its login must have the role acci_administer, since every tenant's events count. Raises `NotAllowed`.
        """
        if tenant_id is not None:
            check_names(StreamId(tenant_of(tenant_id), "", ""))

        def looked(database: ApplicationPool) -> Status:
            with database.reading("administer", None) as connection:
                return read_status(connection, self.catalogue, tenant_id)

        return replace(self._reads.read(looked), replica=self.replica())

    def replica(self) -> Lag | None:
        """How far the replica is behind that reads go to, and why they do not; None if there is none."""
        return self._reads.lag() if isinstance(self._reads, Replica) else None

    def close(self) -> None:
        """End every connection. What is called afterwards raises `ApplicationClosed`."""
        self._reads.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _log_of(self, database: ApplicationPool) -> EventStore:
        return self.events if database is self.database else EventStore(database, self.catalogue)

    def _handled(self, command: Command[CommandData], events: tuple[Recorded, ...]) -> Handled:
        if events:
            return Handled(events, events[-1].version, events[-1].position, command.id)
        return Handled((), self.events.version(self._stream_of(command)), None, command.id)

    def _stream_of(self, command: Command[CommandData]) -> StreamId:
        aggregate, _ = self.catalogue.command(type(command.data).__name__)
        return StreamId(command.metadata.tenant_id, aggregate.aggregate_type(), command.data.aggregate_id)
