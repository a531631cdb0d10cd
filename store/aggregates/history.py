"""History: an aggregate's events, with who, when and why, and the difference that each made to its state."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import OperationalError

from acci.domain.aggregates import Aggregate
from acci.domain.errors import AcciError
from acci.domain.events import StreamId, Unreadable
from acci.domain.projections.stored_values import in_one_line
from acci.store.aggregates.loading import UnreadableEvent
from acci.store.aggregates.repository import Repository, affects_state
from acci.store.log.append import Recorded
from acci.store.log.event_store import EventStore
from acci.store.log.reading import require
from acci.store.postgres import tenants
from acci.store.postgres.database import Database
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

Difference = dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Change:
    """An event and the difference that it made: (before, after) by dotted field of the state, as JSON values.

    `remark` is a sentence where the difference is not known.
    """

    event: Recorded
    difference: Difference
    remark: str | None = None


def history(
    store: EventStore,
    catalogue: Catalogue,
    stream: StreamId,
    after: int = 0,
    to: int | None = None,
    limit: int | None = None,
    backwards: bool = False,
) -> Iterator[Change]:
    """The aggregate's events after version `after`, to version `to`, at most `limit`, in order.

    Memory stays flat. `backwards` the last ones come first, and all that are asked for are held. Raises `WrongBound`.
    """
    for name, bound in (("after", after), ("to", to), ("limit", limit)):
        require(name, bound)
    if backwards:
        last = store.version(stream)
        last = last if to is None else min(last, to)
        after = after if limit is None else max(after, last - limit)
        return reversed(list(_forwards(store, catalogue, stream, after, last, None)) if last > after else [])
    return _forwards(store, catalogue, stream, after, to, limit)


def _forwards(
    store: EventStore, catalogue: Catalogue, stream: StreamId, after: int, to: int | None, limit: int | None
) -> Iterator[Change]:
    state = _state_before(store, catalogue, stream, after + 1)
    for event in store.read_stream(stream, after, to, limit=limit):
        change, state = _change_of(event, state)
        yield change


def types_of(database: Database, tenant_id: str, aggregate_id: str) -> tuple[str, ...]:
    """The types of aggregate that the tenant's log has under this id, whether a context registers them or not."""
    with database.connection() as connection, connection.transaction():
        tenants.enter(connection, tenant_id, local=True)
        parameters = {"tenant_id": tenant_id, "aggregate_id": aggregate_id}
        return tuple(row[0] for row in connection.execute(sql("aggregates/types_of_id"), parameters))


def history_of_correlation(
    store: EventStore,
    catalogue: Catalogue,
    tenant_id: str,
    correlation_id: str,
    limit: int | None = None,
    backwards: bool = False,
) -> Iterator[Change]:
    """The events of one correlation, across aggregates, at most `limit`, in order of position, or `backwards`."""
    events = store.read_correlated(tenant_id, correlation_id, limit, backwards)
    if backwards:
        return reversed(list(_correlated(store, catalogue, events[::-1])))
    return _correlated(store, catalogue, events)


def _correlated(store: EventStore, catalogue: Catalogue, events: Iterable[Recorded]) -> Iterator[Change]:
    states: dict[StreamId, tuple[int, Aggregate | str]] = {}
    for event in events:
        version, state = states.get(event.stream, (None, ""))
        if version != event.version - 1:
            state = _state_before(store, catalogue, event.stream, event.version)
        change, state = _change_of(event, state)
        states[event.stream] = (event.version, state)
        yield change


def _state_before(store: EventStore, catalogue: Catalogue, stream: StreamId, version: int) -> Aggregate | str:
    """The aggregate's state just before `version`, or why there is none."""
    aggregate = catalogue.aggregates.get(stream.aggregate_type)
    if aggregate is None:
        return f"No aggregate {stream.aggregate_type} is registered."
    if version <= 1:
        return aggregate()
    try:
        return Repository(store).load(aggregate, stream, to_version=version - 1).state
    except UnreadableEvent as error:
        return str(error)
    except Exception as error:
        if isinstance(error, AcciError | OperationalError) or getattr(error, "sqlstate", None):
            raise
        return _unknown_change(error)  # any exception of the user's code


def _unknown_change(error: Exception) -> str:
    return f"What it changed cannot be shown: {in_one_line(error)}."


def _change_of(event: Recorded, before: Aggregate | str) -> tuple[Change, Aggregate | str]:
    """The change that `event` is, and the state after it."""
    if isinstance(event.data, Unreadable):
        remark = f"Its payload cannot be read: {event.data.reason}"
        lost = not isinstance(before, Aggregate) or affects_state(event.event_type, event.data, before)
        return Change(event, {}, remark), remark if lost else before
    if isinstance(before, str):
        return Change(event, {}, before), before
    try:
        after = before.evolve(event)
        return Change(event, difference(before, after)), after
    except Exception as error:  # noqa: BLE001 as above
        return Change(event, {}, _unknown_change(error)), _unknown_change(error)


def difference(before: Aggregate, after: Aggregate) -> Difference:
    """Where two states differ: (before, after) by dotted field, as JSON values; None also for what is not there."""
    if before is after:
        return {}
    found: Difference = {}
    _compare(before.model_dump(mode="json"), after.model_dump(mode="json"), "", found)
    return found


def _compare(before: Any, after: Any, where: str, found: Difference) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before | after:
            _compare(before.get(name), after.get(name), f"{where}.{name}" if where else name, found)
    elif before != after:
        found[where] = (before, after)
