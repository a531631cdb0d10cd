"""Snapshots: an aggregate's folded state at a version, so that loading it need not begin at the first event."""

from typing import TypeVar

from psycopg import DatabaseError

from acci.domain.aggregates import Aggregate
from acci.domain.errors import AcciError
from acci.domain.events import StreamId
from acci.domain.projections.stored_values import in_one_line
from acci.store.encryption.payload_encryption import (
    UNREADABLE,
    decrypt,
    encrypt_state,
    has_personal,
)
from acci.store.log.payloads import what_is_lost
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import sql

A = TypeVar("A", bound=Aggregate)


class SnapshotRefused(AcciError):
    """A state that would not come back from its snapshot as it is; `field` is the path to what would not."""

    aggregate_type: str
    aggregate_id: str
    field: str
    reason: str

    sentence = (
        "No snapshot is taken of {aggregate_type} {aggregate_id!r}, which is loaded from its events: {field} {reason}."
    )


def text_of(state: Aggregate, stream: StreamId, keys: Keys | None) -> str | None:
    """The state as it is stored; None if it is that of a person who was just erased.

    Raises `SnapshotRefused` if it would not come back equal.
    """
    name = type(state).aggregate_type()
    try:
        text = state.model_dump_json()
        lost = what_is_lost(state, text)
    except Exception as error:  # a value of a type that JSON does not know, in a field that takes any
        raise SnapshotRefused(
            name, stream.aggregate_id, "its state", f"has no JSON form ({in_one_line(error)})"
        ) from error
    if lost is not None:
        raise SnapshotRefused(name, stream.aggregate_id, ".".join(lost.field) or "its state", lost.problem)
    return encrypt_state(type(state), text, stream.tenant_id, stream.aggregate_id, keys)


def save_snapshot(connection: Connection, stream: StreamId, version: int, state: Aggregate) -> None:
    """Keep `state` as what the stream's events up to `version` fold to, instead of another one of that version.

    Not that of a person who was just erased. Raises `SnapshotRefused`.
    """
    text = text_of(state, stream, connection.keys)
    if text is None:
        return
    arguments = {
        **stream._asdict(),
        "version": version,
        "state_schema": type(state).state_schema(),
        "state": text,
    }
    connection.execute(sql("aggregates/snapshots:save"), arguments)


def decrypted(aggregate: type[Aggregate], stored: str, aggregate_id: str, keys: Keys | None) -> str:
    """A stored state's JSON. Where no personal data can be in it, nothing is taken for encrypted. Raises `Tampered`."""
    return decrypt(stored, aggregate_id, keys) if has_personal(aggregate) else stored


def state_of(aggregate: type[A], stored: str, aggregate_id: str, keys: Keys | None) -> A | None:
    """The state that was stored; None if it cannot be read. The events are the source of truth, so nothing is lost."""
    try:
        return aggregate.model_validate_json(decrypted(aggregate, stored, aggregate_id, keys))
    except (AcciError, DatabaseError) as error:
        if isinstance(error, UNREADABLE):
            return None
        raise
    except Exception:  # noqa: BLE001 any exception of the class's own validators
        return None
