"""The command handler: load, decide, append; each command once, however often it is sent."""

import logging
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from uuid import UUID

from psycopg import Error, errors

from acci.domain.aggregates import Aggregate
from acci.domain.commands import Command, CommandData
from acci.domain.errors import AcciError, ConcurrencyError, InvalidCommand
from acci.domain.events import StreamId
from acci.store.aggregates.loading import Loaded
from acci.store.aggregates.repository import Repository
from acci.store.aggregates.snapshots import SnapshotRefused
from acci.store.commands.contention import Contention
from acci.store.commands.deciding import Accepted, Plan, decide, decide_on
from acci.store.commands.queues import Queues
from acci.store.commands.state_cache import RecentStates
from acci.store.commands.tracing import handling
from acci.store.commands.validation import accept
from acci.store.encryption.payload_encryption import speak_of_people
from acci.store.log.append import Append, Recorded, StreamChanged
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused
from acci.store.postgres.errors import is_transient, refusal_of
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
    aggregates handled last the state is kept: a command for one of them is decided on it, and if somebody else has
    moved the aggregate on since, decided again on what is loaded. A command of a kind that begins aggregates is decided
    on a new one at once, unless its domain has personal data. With `recent` 0, every aggregate is loaded.
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
        self._catalogue = catalogue
        self._attempts = attempts
        self._tries = tries
        self._recent = RecentStates(recent)
        self._queues, self._contention = Queues(), Contention()
        # Those that lead to personal data may have it in them.
        self._personal = {name for each in catalogue.contexts if speak_of_people(each.events) for name in each.commands}

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

        The streams in `unchanged` must be at those versions, whether they are written or not; one on which a command
        led to nothing is still as it was then. Without commands, only that is looked at. Returns what each command led
        to; otherwise as `handle`.
        """
        accepted = [self._accept(command) for command in commands]
        once: dict[UUID, Accepted] = {}
        for one in accepted:
            if one.stream.tenant_id != accepted[0].stream.tenant_id:
                problem = "metadata.tenant_id", "is not that of the commands it is sent with"
                raise InvalidCommand(one.handled.name, (problem,))
            if once.setdefault(one.command.id, one).handled != one.handled:
                raise CommandReused(one.handled.name, str(one.command.id))
        results = dict(zip(once, self._until_it_fits(list(once.values()), unchanged or {}), strict=True))
        return tuple(results[one.command.id] for one in accepted)

    def _accept(self, command: Command[CommandData]) -> Accepted:
        name = type(command.data).__name__
        aggregate, registered = self._catalogue.command(name)
        if type(command.data) is not registered:
            raise InvalidCommand(name, (("data", f"is of another class than {registered.__module__} registers"),))
        stream, handled = accept(aggregate, command)
        return Accepted(command, aggregate, stream, handled, name in self._personal)

    def _until_it_fits(self, accepted: Sequence[Accepted], unchanged: Mapping[StreamId, int]) -> Results:
        streams = [accepted[0].stream] if len(accepted) == 1 else [one.stream for one in accepted]
        with handling(accepted), self._queues.turn(streams):
            return self._try_until_it_fits(accepted, streams, unchanged)

    def _try_until_it_fits(
        self, accepted: Sequence[Accepted], streams: Sequence[StreamId], unchanged: Mapping[StreamId, int]
    ) -> Results:
        conflicts = changes = losses = 0
        hot = self._recent.is_hot(streams[0]) if streams else False
        known = self._known(accepted, unchanged)
        recent = None
        if known is not None and not self._contention.at(streams):
            recent = decide_on(known, accepted[0], gives_way=hot)
        while True:
            try:
                if recent is not None:
                    plan, results = recent, self._commit(self._store, recent, unchanged)
                else:
                    plan, results = self._decide_and_commit(accepted, unchanged, known)
                if not isinstance(results, AcciError):
                    return self._leave(plan, results)
                error = results
                self._learn(error, accepted, recent is not None)
                if recent is not None and not error.transient:
                    recent = None  # what was decided on a state that may be old proves nothing, not even too large
                    continue
                if not isinstance(error, ConcurrencyError):
                    raise error
                conflicts += 1
                # What changed stays so; but the same command, sent twice at once, may have been handled before.
                changes += isinstance(error, StreamChanged)
                if conflicts == self._attempts or changes == 2:
                    raise error
            except Error as error:
                recent = None
                losses += 1
                if losses == self._tries or not is_transient(error):
                    raise
            # Writers that met once must not meet again at the same moment.
            longest = min(LONGEST_PAUSE, 0.002 * 2 ** (conflicts + 2 * losses))
            time.sleep(random.uniform(0, longest))  # noqa: S311 nothing secret

    def _learn(self, error: AcciError, accepted: Sequence[Accepted], was_recent: bool) -> None:
        """Whom else a conflict shows to be at these streams, and whether such a command begins aggregates."""
        if not isinstance(error, ConcurrencyError):
            return
        # An old state does not tell that anybody is there now; somebody else's turn does.
        if not was_recent or error.actual_version == error.expected_version:
            self._contention.met([one.stream for one in accepted])
        if was_recent and error.actual_version:
            self._recent.met(accepted[0].handled.name, error.actual_version)

    def _known(self, accepted: Sequence[Accepted], unchanged: Mapping[StreamId, int]) -> Loaded[Aggregate] | None:
        """The state to decide on at once, or to read on from."""
        if len(accepted) != 1 or unchanged:
            return None
        one = accepted[0]
        return self._recent.take(one.stream, one.aggregate, one.handled.name)

    def _decide_and_commit(
        self,
        accepted: Sequence[Accepted],
        unchanged: Mapping[StreamId, int],
        known: Loaded[Aggregate] | None,
    ) -> tuple[Plan, Results | AcciError]:
        """Decide on the newest states, with the streams' turn where others were met; what was stored, or why not."""
        streams = [one.stream for one in accepted]
        turn = self._store.in_turn(streams, unchanged) if self._contention.at(streams) else nullcontext(self._store)
        try:
            with turn as store:
                plan = self._decide_on_newest(store, accepted, unchanged, known)
                return plan, self._commit(store, plan, unchanged)
        except errors.LockNotAvailable as error:  # to try again at once would be to wait on
            raise refusal_of(error) or error from error

    def _decide_on_newest(
        self,
        store: EventStore,
        accepted: Sequence[Accepted],
        unchanged: Mapping[StreamId, int],
        known: Loaded[Aggregate] | None,
    ) -> Plan:
        plan = decide(store, accepted, unchanged, known)
        for one, result in zip(accepted, plan.results, strict=True):
            # A guess that was wrong would leave a key behind, of somebody erased perhaps.
            if isinstance(result, Append) and not one.personal:
                self._recent.met(one.handled.name, result.expected_version)
        return plan

    def _commit(self, store: EventStore, plan: Plan, unchanged: Mapping[StreamId, int]) -> Results | AcciError:
        """What was stored, or why nothing was."""
        appends = [result for result in plan.results if isinstance(result, Append)]
        # What was handled before led to that whatever has changed since; without commands only the check is asked for.
        try:
            recorded = iter(store.commit(appends, unchanged) if appends or (unchanged and not plan.results) else ())
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
            self._recent.leave(stream, left._replace(snapshot_version=left.version) if due else left)
        return results

    def _take_snapshot(self, stream: StreamId, loaded: Loaded[Aggregate]) -> None:
        try:
            Repository(self._store).save_snapshot(stream, loaded.version, loaded.state)
        except SnapshotRefused as refusal:
            log.warning("%s", refusal)
        except Exception:
            # The command is committed: what makes later loads quicker must not make it fail.
            log.warning("No snapshot of %s at version %d", tuple(stream), loaded.version, exc_info=True)
