"""Deciding: what commands lead to, on the state of their aggregates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from acci.domain.aggregates import Aggregate, consequences
from acci.domain.errors import ConcurrencyError
from acci.domain.events import StreamId
from acci.store.aggregates.loading import Loaded
from acci.store.aggregates.repository import Repository
from acci.store.commands.state_cache import StateCache
from acci.store.commands.validation import AcceptedCommand
from acci.store.log.append import Append, Recorded
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused, encrypted, is_same
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys


@dataclass(slots=True)
class Plan:
    """The result of deciding: for each command an append, or the events of its first handling; and the new states."""

    results: list[Append | tuple[Recorded, ...]] = field(default_factory=list)
    states: dict[StreamId, Loaded[Aggregate]] = field(default_factory=dict)

    def add(self, one: AcceptedCommand, loaded: Loaded[Aggregate], keys: Keys | None, gives_way: bool = False) -> None:
        """Let the aggregate decide on the command in this state. Raises what the decision raises."""
        events, state = consequences(loaded.state, one.command, one.stream, loaded.version, uuid4)
        record = encrypted(one.record, one.stream, events, keys) if one.kind.personal else one.record
        self.results.append(Append(one.stream, loaded.version, events, record, loaded.newest, gives_way))
        newest = events[-1].id if events else loaded.newest
        self.states[one.stream] = Loaded(state, loaded.version + len(events), loaded.snapshot_version, newest=newest)


def decide(
    store: EventStore,
    connection: Connection,
    accepted: Sequence[AcceptedCommand],
    unchanged: Mapping[StreamId, int],
    known: Loaded[Aggregate] | None,
) -> Plan:
    """What each command leads to, decided on the state after the commands before it; aggregates are loaded now.

    Of one that is `known`, a single command's, only what is new is read.

    Raises what a decision raises, `CommandReused`; `ConcurrencyError` for a stream not at its version in `unchanged`.
    """
    plan, repository = Plan(), Repository(store, connection)
    for one in accepted:
        loaded = repository.load(one.kind.aggregate, one.stream, command_id=one.command.id, known=known)
        if loaded.handled_digest is not None:
            if not is_same(one.record, loaded.handled_digest, store.keys):
                raise CommandReused(one.record.name, str(one.command.id))
            plan.results.append(store.result_of(one.stream.tenant_id, one.command.id, connection))
            continue
        version = unchanged.get(one.stream, loaded.version)
        if version != loaded.version:
            raise ConcurrencyError(one.stream.aggregate_id, version, loaded.version)
        plan.add(one, plan.states.get(one.stream, loaded), store.keys)
    return plan


def decide_cached(
    cache: StateCache, one: AcceptedCommand, keys: Keys | None, contended: bool
) -> tuple[Loaded[Aggregate] | None, Plan | None]:
    """The cached aggregate, and what the command leads to on it; None if it is not cached, or the cache proves nothing.

    At a contended stream the cached state only saves reading older events. Only a decision with events counts:
    storing them proves that the state was the newest and the command new. A refusal or an empty decision does not.
    """
    cached = cache.take(one.stream, one.kind.aggregate, one.record.name)
    if cached is None:
        return None, None
    if contended:
        return cached.loaded, None
    plan = Plan()
    try:
        plan.add(one, cached.loaded, keys, gives_way=cached.hot)
    except Exception:  # noqa: BLE001 the decision on the newest state raises it, if it still holds there
        return cached.loaded, None
    return cached.loaded, plan if plan.states[one.stream].version > cached.loaded.version else None
