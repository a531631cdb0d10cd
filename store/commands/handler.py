"""The command handler: load, decide, append; each command once, however often it is sent."""

import logging
import random
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg import Error, errors

from acci.domain.aggregates import Aggregate
from acci.domain.commands import Command, CommandData
from acci.domain.errors import AcciError, ConcurrencyError, InvalidCommand
from acci.domain.events import StreamId
from acci.store.aggregates.loading import Loaded
from acci.store.aggregates.repository import Repository
from acci.store.aggregates.snapshots import SnapshotRefused
from acci.store.commands.deciding import Plan, decide, decide_cached
from acci.store.commands.queues import Queues
from acci.store.commands.state_cache import StateCache
from acci.store.commands.tracing import handling
from acci.store.commands.validation import AcceptedCommand, kinds_of, validate
from acci.store.log.append import Append, Recorded
from acci.store.log.append_errors import StreamChanged
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused
from acci.store.postgres.database import Connection
from acci.store.postgres.refusals import is_transient, refusal_of
from acci.store.registry import Catalogue

ATTEMPTS = 20
TRIES = 3
RECENT = 1000  # aggregates
LONGEST_PAUSE = 0.1  # seconds

Results = tuple[tuple[Recorded, ...], ...]

log = logging.getLogger(__name__)


class CommandHandler:
    """Handles the commands of the registered contexts. Safe to share between threads.

    `attempts` bounds how often an aggregate decides, `tries` how often a lost connection is tried. Of the `recent`
    aggregates handled last the state is kept: a command for one of them is decided on it, and if another process
    has moved the aggregate on since, decided again on what is loaded. A command of a kind that begins aggregates is
    decided on a new one at once, unless its domain has personal data. With `recent` 0, every aggregate is loaded.
    """

    def __init__(
        self,
        store: EventStore,
        catalogue: Catalogue,
        attempts: int = ATTEMPTS,
        tries: int = TRIES,
        recent: int = RECENT,
    ) -> None:
        self._store = store
        self._kinds = kinds_of(catalogue)
        self._attempts = attempts
        self._tries = tries
        self._queues = Queues()
        self._cache = StateCache(recent) if recent else None

    def handle(self, command: Command[CommandData], expected_version: int | None = None) -> tuple[Recorded, ...]:
        """Store what the command leads to, and return it; for a command handled before, what it led to then.

        On a conflict the aggregate is loaded and decides again, a bounded number of times; with `expected_version`
        the command meets that version of its aggregate, or fails at once. A lost connection is tried again, which is
        safe whether or not the first try arrived. A refused command leaves no trace: sent again it may succeed.
        Raises `UnknownName`, `InvalidCommand`, `Refused`, `ConcurrencyError` or `CommandReused`.
        """
        accepted = validate(self._kinds, command)
        unchanged = {} if expected_version is None else {accepted.stream: expected_version}
        return self._run([accepted], unchanged)[0]

    def handle_together(
        self, commands: Sequence[Command[CommandData]], unchanged: Mapping[StreamId, int] | None = None
    ) -> tuple[tuple[Recorded, ...], ...]:
        """Handle `commands` of one tenant, in order, in one transaction: all that they lead to is stored, or nothing.

        The streams in `unchanged` must be at those versions, whether they are written or not; one on which a command
        led to nothing is still as it was then. Without commands, only that is looked at. Returns what each command led
        to; otherwise as `handle`. All of `commands` and `unchanged` are of one tenant.
        """
        accepted = [validate(self._kinds, command) for command in commands]
        once: dict[UUID, AcceptedCommand] = {}
        for one in accepted:
            if one.stream.tenant_id != accepted[0].stream.tenant_id:
                problem = "metadata.tenant_id", "is not that of the commands it is sent with"
                raise InvalidCommand(one.record.name, (problem,))
            if once.setdefault(one.command.id, one).record != one.record:
                raise CommandReused(one.record.name, str(one.command.id))
        for stream in unchanged or {}:
            if accepted and stream.tenant_id != accepted[0].stream.tenant_id:
                problem = "unchanged", f"has a stream of another tenant, {stream.tenant_id!r}"
                raise InvalidCommand(accepted[0].record.name, (problem,))
        results = dict(zip(once, self._run(list(once.values()), unchanged or {}), strict=True))
        return tuple(results[one.command.id] for one in accepted)

    def _run(self, accepted: Sequence[AcceptedCommand], unchanged: Mapping[StreamId, int]) -> Results:
        tracing = self._store.tracing
        if tracing is None:
            return self._run_in_turn(accepted, unchanged)
        with handling(tracing, accepted):
            return self._run_in_turn(accepted, unchanged)

    def _run_in_turn(self, accepted: Sequence[AcceptedCommand], unchanged: Mapping[StreamId, int]) -> Results:
        turn = self._queues.enter([one.stream for one in accepted])
        try:
            return self._try(accepted, unchanged, turn.contended)
        finally:
            self._queues.leave(turn.streams)

    def _try(self, accepted: Sequence[AcceptedCommand], unchanged: Mapping[StreamId, int], contended: bool) -> Results:
        """Decide and store, again after each conflict, until it is stored or was tried often enough."""
        known, cached = None, None
        if self._cache is not None and len(accepted) == 1 and not unchanged:
            known, cached = decide_cached(self._cache, accepted[0], self._store.keys, contended)
        conflicts = changes = losses = 0
        while True:
            try:
                if cached is not None:
                    plan, results = cached, self._commit(self._store, cached, unchanged)
                else:
                    plan, results = self._decide_and_commit(accepted, unchanged, known, contended)
                if not isinstance(results, AcciError):
                    return self._leave(plan, results)
                error = results
                contended = self._learn(error, accepted, cached is not None) or contended
                if cached is not None and not error.transient:
                    cached = None  # decided on a cached, perhaps old state: proves nothing
                    continue
                if not isinstance(error, ConcurrencyError):
                    raise error
                conflicts += 1
                # A stream that changed stays changed; but this command may have been handled elsewhere meanwhile.
                changes += isinstance(error, StreamChanged)
                if conflicts == self._attempts or changes == 2:
                    raise error
            except Error as error:
                cached = None
                losses += 1
                if losses == self._tries or not is_transient(error):
                    raise
            # Writers that collided must not try again at the same time.
            longest = min(LONGEST_PAUSE, 0.002 * 2 ** (conflicts + 2 * losses))
            time.sleep(random.uniform(0, longest))  # noqa: S311 nothing secret

    def _learn(self, error: AcciError, accepted: Sequence[AcceptedCommand], was_cached: bool) -> bool:
        """Whether another process was met at these streams; and learn whether such a command begins aggregates."""
        if not isinstance(error, ConcurrencyError):
            return False
        if was_cached and error.actual_version and self._cache is not None:
            self._cache.learn(accepted[0].record.name, error.actual_version)
        # An outdated cached state does not prove that another process is writing now; a taken stream lock does.
        met = not was_cached or error.actual_version == error.expected_version
        if met:
            self._queues.note_contention([one.stream for one in accepted])
        return met

    def _decide_and_commit(
        self,
        accepted: Sequence[AcceptedCommand],
        unchanged: Mapping[StreamId, int],
        known: Loaded[Aggregate] | None,
        contended: bool,
    ) -> tuple[Plan, Results | AcciError]:
        """Decide on the newest states, in turn with other processes if contended; what was stored, or why not."""
        try:
            if not contended:
                return self._decide_on_newest(self._store, accepted, unchanged, known)
            with self._store.in_turn([one.stream for one in accepted], unchanged) as store:
                return self._decide_on_newest(store, accepted, unchanged, known)
        except errors.LockNotAvailable as error:  # trying again at once would only wait longer
            raise refusal_of(error) or error from error

    def _decide_on_newest(
        self,
        store: EventStore,
        accepted: Sequence[AcceptedCommand],
        unchanged: Mapping[StreamId, int],
        known: Loaded[Aggregate] | None,
    ) -> tuple[Plan, Results | AcciError]:
        with store.connection() as connection:
            plan = decide(store, connection, accepted, unchanged, known)
            if self._cache is not None:
                for one, result in zip(accepted, plan.results, strict=True):
                    # A wrong guess would leave a key in the key store, perhaps of an erased person.
                    if isinstance(result, Append) and not one.kind.personal:
                        self._cache.learn(one.record.name, result.expected_version)
            return plan, self._commit(store, plan, unchanged, connection)

    def _commit(
        self, store: EventStore, plan: Plan, unchanged: Mapping[StreamId, int], connection: Connection | None = None
    ) -> Results | AcciError:
        """What was stored, or why nothing was."""
        appends = [result for result in plan.results if isinstance(result, Append)]
        # A command handled before keeps its result, however the streams changed; without commands, only check versions.
        try:
            asked = appends or (unchanged and not plan.results)
            recorded = iter(store.commit(appends, unchanged, connection) if asked else ())
        except AcciError as error:
            return error
        return tuple([next(recorded) if isinstance(result, Append) else result for result in plan.results])

    def _leave(self, plan: Plan, results: Results) -> Results:
        """Leave the states for the next commands, and snapshots where they are due."""
        for stream, left in plan.states.items():
            every = left.state.snapshot_every
            due = every is not None and left.version - left.snapshot_version >= every
            if due:
                self._take_snapshot(stream, left)
            if self._cache is not None:
                self._cache.put(stream, left._replace(snapshot_version=left.version) if due else left)
        return results

    def _take_snapshot(self, stream: StreamId, loaded: Loaded[Aggregate]) -> None:
        try:
            Repository(self._store).save_snapshot(stream, loaded.version, loaded.state)
        except SnapshotRefused as refusal:
            log.warning("%s", refusal, extra={"tenant_id": stream.tenant_id})
        except Exception:
            # The command is committed: what makes later loads quicker must not make it fail.
            known = {"tenant_id": stream.tenant_id}
            log.warning("No snapshot of %s at version %d", tuple(stream), loaded.version, exc_info=True, extra=known)
