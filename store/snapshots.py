"""Snapshots: an aggregate's folded state at a version, so that loading it need not begin at the first event."""

from domain.aggregates import Aggregate
from domain.events import StreamId
from store.concealing import conceal_state
from store.database import Connection
from store.statements import sql


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
