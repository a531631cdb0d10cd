"""Deciding: what commands lead to, on the state of their aggregates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import NamedTuple
from uuid import uuid4

from acci.domain.aggregates import Aggregate
from acci.domain.commands import Command, CommandData
from acci.domain.errors import ConcurrencyError
from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.store.aggregates.loading import Loaded, fold
from acci.store.aggregates.repository import Repository
from acci.store.log.append import Append, Handled, Recorded
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused, concealed, is_same


class Accepted(NamedTuple):
    """A command found valid, and what it is meant for."""

    command: Command[CommandData]
    aggregate: type[Aggregate]
    stream: StreamId
    handled: Handled
    personal: bool  # whether it may have a person's data in it


@dataclass(slots=True)
class Plan:
    """What commands lead to: for each an append, or what it led to before; and the states that this leaves."""

    results: list[Append | tuple[Recorded, ...]] = field(default_factory=list)
    states: dict[StreamId, Loaded[Aggregate]] = field(default_factory=dict)

    def add(self, one: Accepted, loaded: Loaded[Aggregate], gives_way: bool = False) -> None:
        """Let the command decide on this state. Raises what the decision raises."""
        events = _consequences(one.command, one.stream, loaded)
        memory = concealed(one.handled, one.stream, events) if one.personal else one.handled
        self.results.append(Append(one.stream, loaded.version, events, memory, loaded.newest, gives_way))
        after, newest = fold(loaded.state, events), events[-1].id if events else loaded.newest
        self.states[one.stream] = Loaded(after, loaded.version + len(events), loaded.snapshot_version, newest=newest)


def decide(
    store: EventStore,
    accepted: Sequence[Accepted],
    unchanged: Mapping[StreamId, int],
    known: Loaded[Aggregate] | None,
) -> Plan:
    """What each command leads to, on the state that those before it leave; aggregates are loaded as they are now.

    Of the only one, if it is `known`, only what is new is read.

    Raises what a decision raises, `CommandReused`; `ConcurrencyError` for a stream not at its version in `unchanged`.
    """
    plan, repository = Plan(), Repository(store)
    for one in accepted:
        loaded = repository.load(one.aggregate, one.stream, command_id=one.command.id, known=known)
        if loaded.handled_content is not None:
            if not is_same(one.handled, loaded.handled_content):
                raise CommandReused(one.handled.name, str(one.command.id))
            plan.results.append(store.result_of(one.stream.tenant_id, one.command.id))
            continue
        version = unchanged.get(one.stream, loaded.version)
        if version != loaded.version:
            raise ConcurrencyError(one.stream.aggregate_id, version, loaded.version)
        plan.add(one, plan.states.get(one.stream, loaded))
    return plan


def decide_on(loaded: Loaded[Aggregate], one: Accepted, gives_way: bool) -> Plan | None:
    """What the command leads to on a state that may be old; None if that cannot be known.

    Only events count, since storing them proves that the state was the newest and the command new. A refusal, or
    nothing to do, proves nothing.
    """
    plan = Plan()
    try:
        plan.add(one, loaded, gives_way)
    except Exception:  # noqa: BLE001 the decision on the newest state raises it, if it still holds there
        return None
    return plan if plan.states[one.stream].version > loaded.version else None


def _consequences(
    command: Command[CommandData], stream: StreamId, loaded: Loaded[Aggregate]
) -> tuple[Event[EventData], ...]:
    """The events that `command` leads to in this state, who and why with them. Raises `Refused`."""
    metadata = EventMetadata(
        stream.tenant_id, command.metadata.correlation_id, str(command.id), command.metadata.user_id
    )
    happened = command.metadata.timestamp.astimezone(UTC)  # as it is read: a state's days must be those of a loaded one
    events = [
        Event(
            uuid4(),
            stream.aggregate_id,
            stream.aggregate_type,
            data.event_type(),
            version,
            data,
            metadata,
            happened,
            data.schema_version,
        )
        for version, data in enumerate(loaded.state.decide(command), loaded.version + 1)
    ]
    return tuple(events)
