"""The command handler: load, decide, append; each command once, however often it is sent."""

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from psycopg import Error

from domain.aggregates import Aggregate
from domain.commands import Command, CommandData
from domain.errors import ConcurrencyError
from domain.events import Event, EventData, EventMetadata, StreamId
from store.accepting import accept
from store.appending import Append, Handled, Recorded, StreamChanged
from store.catalogue import Catalogue
from store.database import is_transient
from store.events import EventStore
from store.idempotency import CommandReused, remembered_as
from store.loading import Loaded, fold
from store.tracing import handling

ATTEMPTS = 20
TRIES = 3
LONGEST_PAUSE = 0.1  # seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A command found valid, and what it is meant for."""

    command: Command[CommandData]
    aggregate: type[Aggregate]
    stream: StreamId
    handled: Handled


@dataclass(slots=True)
class _Plan:
    """What commands lead to: for each an append, or what it led to before; and the states that this leaves."""

    results: list[Append | tuple[Recorded, ...]] = field(default_factory=list)
    states: dict[StreamId, Loaded[Aggregate]] = field(default_factory=dict)


class CommandHandler:
    """Handles the commands of the registered contexts. Safe to share between threads.

    `attempts` bounds how often an aggregate decides, `tries` how often a lost connection is tried.
    """

    def __init__(self, store: EventStore, catalogue: Catalogue, attempts: int = ATTEMPTS, tries: int = TRIES) -> None:
        self._store = store
        self._catalogue = catalogue
        self._attempts = attempts
        self._tries = tries

    def handle(self, command: Command[CommandData], expected_version: int | None = None) -> tuple[Recorded, ...]:
        """Store what the command leads to, and return it; for a command handled before, what it led to then.

        On a conflict the aggregate is loaded and decides again, a bounded number of times; with `expected_version`
        the command meets that version of its aggregate, or fails at once. A lost connection is tried again, which is
        safe whether or not the first try arrived. A refused command leaves no trace: sent again it may succeed.
        Raises `UnknownName`, `InvalidCommand`, `Refused`, `ConcurrencyError` or `CommandReused`.
        """
        accepted = self._accept(command)
        unchanged = {} if expected_version is None else {accepted.stream: expected_version}
        return self._until_it_fits([accepted], unchanged)[0]

    def handle_together(
        self, commands: Sequence[Command[CommandData]], unchanged: Mapping[StreamId, int] | None = None
    ) -> tuple[tuple[Recorded, ...], ...]:
        """Handle `commands` of one tenant, in order, in one transaction: all that they lead to is stored, or nothing.

        The streams in `unchanged` must be at those versions, whether they are written or not. Returns what each
        command led to; otherwise as `handle`.
        """
        accepted = [self._accept(command) for command in commands]
        once: dict[UUID, _Accepted] = {}
        for one in accepted:
            if once.setdefault(one.command.id, one).handled != one.handled:
                raise CommandReused(one.handled.name, str(one.command.id))
        results = dict(zip(once, self._until_it_fits(list(once.values()), unchanged or {}), strict=True))
        return tuple(results[one.command.id] for one in accepted)

    def _accept(self, command: Command[CommandData]) -> _Accepted:
        aggregate, _ = self._catalogue.command(type(command.data).__name__)
        return _Accepted(command, aggregate, accept(aggregate, command), remembered_as(command))

    def _until_it_fits(
        self, accepted: Sequence[_Accepted], unchanged: Mapping[StreamId, int]
    ) -> tuple[tuple[Recorded, ...], ...]:
        with handling([(one.command, one.stream) for one in accepted]):
            return self._try_until_it_fits(accepted, unchanged)

    def _try_until_it_fits(
        self, accepted: Sequence[_Accepted], unchanged: Mapping[StreamId, int]
    ) -> tuple[tuple[Recorded, ...], ...]:
        conflicts = losses = 0
        while True:
            try:
                plan = self._decide(accepted, unchanged)
                try:
                    return self._carry_out(plan, unchanged)
                except StreamChanged:
                    raise
                except ConcurrencyError:
                    conflicts += 1
                    if conflicts == self._attempts:
                        raise
            except Error as error:
                losses += 1
                if losses == self._tries or not is_transient(error):
                    raise
            # Writers that met once must not meet again at the same moment.
            longest = min(LONGEST_PAUSE, 0.002 * 2 ** (conflicts + 2 * losses))
            time.sleep(random.uniform(0, longest))  # noqa: S311 nothing secret

    def _decide(self, accepted: Sequence[_Accepted], unchanged: Mapping[StreamId, int]) -> _Plan:
        """What each command leads to, on the state that those before it leave."""
        plan = _Plan()
        for one in accepted:
            loaded = self._store.load(one.aggregate, one.stream, command_id=one.command.id)
            if loaded.handled_content is not None:
                if loaded.handled_content != one.handled.content:
                    raise CommandReused(one.handled.name, str(one.command.id))
                plan.results.append(self._store.result_of(one.stream.tenant_id, one.command.id))
                continue
            version = unchanged.get(one.stream, loaded.version)
            if version != loaded.version:
                raise ConcurrencyError(one.stream.aggregate_id, version, loaded.version)
            loaded = plan.states.get(one.stream, loaded)
            events = consequences(one.command, one.stream, loaded)
            plan.results.append(Append(one.stream, loaded.version, events, one.handled))
            state = fold(loaded.state, events)
            plan.states[one.stream] = replace(loaded, state=state, version=loaded.version + len(events))
        return plan

    def _carry_out(self, plan: _Plan, unchanged: Mapping[StreamId, int]) -> tuple[tuple[Recorded, ...], ...]:
        appends = [result for result in plan.results if isinstance(result, Append)]
        recorded = iter(self._store.commit(appends, unchanged) if appends else ())
        for stream, loaded in plan.states.items():
            every = loaded.state.snapshot_every
            if every and loaded.version - loaded.snapshot_version >= every:
                self._take_snapshot(stream, loaded)
        return tuple(next(recorded) if isinstance(result, Append) else result for result in plan.results)

    def _take_snapshot(self, stream: StreamId, loaded: Loaded[Aggregate]) -> None:
        try:
            self._store.save_snapshot(stream, loaded.version, loaded.state)
        except Exception:
            # The command is committed: what makes later loads quicker must not make it fail.
            log.warning("No snapshot of %s at version %d", tuple(stream), loaded.version, exc_info=True)


def consequences(
    command: Command[CommandData], stream: StreamId, loaded: Loaded[Aggregate]
) -> tuple[Event[EventData], ...]:
    """The events that `command` leads to in this state, who and why with them. Raises `Refused`."""
    metadata = EventMetadata(
        stream.tenant_id, command.metadata.correlation_id, str(command.id), command.metadata.user_id
    )
    return tuple(
        Event(
            uuid4(),
            stream.aggregate_id,
            stream.aggregate_type,
            data.event_type(),
            version,
            data,
            metadata,
            command.metadata.timestamp,
            data.schema_version,
        )
        for version, data in enumerate(loaded.state.decide(command), loaded.version + 1)
    )
