"""Snapshots: an aggregate's folded state at a version, so that loading it need not begin at the first event."""

from typing import TypeVar

from pydantic import ValidationError

from domain.aggregates import Aggregate
from domain.events import StreamId
from store.concealing import Tampered, conceal_state, has_personal, reveal
from store.database import Connection
from store.statements import sql

A = TypeVar("A", bound=Aggregate)


def save_snapshot(connection: Connection, stream: StreamId, version: int, state: Aggregate) -> None:
    """Keep `state` as what the stream's events up to `version` fold to, instead of another one of that version.

    Not that of a person who was just erased.
    """
    text = conceal_state(type(state), state.model_dump_json(), stream.tenant_id, stream.aggregate_id)
    if text is None:
        return
    arguments = {
        **stream._asdict(),
        "version": version,
        "state_schema": type(state).state_schema(),
        "state": text,
    }
    connection.execute(sql("snapshots/save"), arguments)


def revealed(aggregate: type[Aggregate], stored: str, aggregate_id: str) -> str:
    """A stored state's JSON. Where no personal data can be in it, nothing is taken for concealed. Raises `Tampered`."""
    return reveal(stored, aggregate_id) if has_personal(aggregate) else stored


def state_of(aggregate: type[A], stored: str, aggregate_id: str) -> A | None:
    """The state that was stored; None if it cannot be read: whatever it is, the events are what counts."""
    try:
        return aggregate.model_validate_json(revealed(aggregate, stored, aggregate_id))
    except (ValidationError, Tampered):
        return None
