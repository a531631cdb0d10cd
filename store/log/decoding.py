"""Events as they are read: rows to recorded events, payloads in today's shape."""

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import from_json

from acci.domain.errors import said
from acci.domain.events import EventData, EventMetadata, RecordedEvent, Retired, Unreadable, Unregistered
from acci.domain.expressions.values import parse
from acci.domain.personal import personal_fields
from acci.domain.upcasting import upcast
from acci.store.encryption.key_store import KeyMissing, NoKeyStore
from acci.store.encryption.payload_encryption import MARK, UNREADABLE, decrypt, prefetch_keys
from acci.store.postgres.keys import Keys
from acci.store.values.pydantic_errors import problems_of

Row = Sequence[Any]
_TEXT_OR_NONE = frozenset({str, type(None)})


def stored(row: Row, personal: bool, keys: Keys | None) -> RecordedEvent[Any]:
    """The event of a row, its payload as parsed JSON in the schema version that it was stored in.

    What is encrypted in it is readable if `personal`.
    """
    return _recorded(row, parse(decrypt(row[10], str(row[3]), keys) if personal else row[10]), row[9])


class Decoder:
    """Makes recorded events of rows. A payload that cannot be read becomes `Unreadable`, not an exception.

    The exception are personal data whose keys are not available: `KeyMissing`, `NoKeyStore`.
    """

    def __init__(
        self, types: Mapping[str, type[EventData]], retired: Container[str] = (), keys: Keys | None = None
    ) -> None:
        """`types` by every name that their events are stored under; events of `retired` types are `Retired`."""
        self._types = types
        self._retired = retired
        self._keys = keys
        self._today = {name: found.event_type() for name, found in types.items()}

    def event(self, row: Row) -> RecordedEvent[EventData]:
        """`row` has the columns `log/events:columns`, in their order. The event type is today's name."""
        stored_type: str = row[9]
        data = self.data(stored_type, row[5], row[10], row[3])
        return _recorded(row, data, self._today.get(stored_type, stored_type))

    def events(self, rows: Sequence[Row]) -> list[RecordedEvent[EventData]]:
        """The events of such rows; the keys of their personal data are fetched at once."""
        if encrypted := [row[10] for row in rows if MARK in row[10]]:
            prefetch_keys(encrypted, self._keys)
        return [self.event(row) for row in rows]

    def data(self, event_type: str, schema_version: int, text: str, event_id: UUID) -> EventData:
        """The payload in today's shape, personal data readable unless it was erased; or why it cannot be read."""
        found = self._types.get(event_type)
        if MARK in text:
            try:
                text = decrypt(text, str(event_id), self._keys)
            except (*UNREADABLE, KeyMissing, NoKeyStore) as error:
                if found is not None:
                    if not isinstance(error, UNREADABLE) and _may_be_personal(found):
                        raise
                    return _unreadable(text, str(error))
        return self._unknown(event_type, text) if found is None else _read(found, schema_version, text)

    def _unknown(self, event_type: str, text: str) -> Unreadable:
        if event_type in self._retired:
            return _unreadable(text, f"the event type {event_type} is retired.", Retired)
        return _unreadable(text, f"no event type {event_type} is registered.", Unregistered)


def typed(data: type[EventData], schema_version: int, text: str) -> EventData:
    """The payload in today's shape. Raises `ValueError`, also what pydantic raises, and what the domain's code does."""
    if schema_version != data.schema_version:
        text = upcast(data, schema_version, text)
    read: EventData = data.__pydantic_validator__.validate_json(text)
    return read


def _read(data: type[EventData], schema_version: int, text: str) -> EventData:
    try:
        return typed(data, schema_version, text)
    except ValidationError as error:
        field, why = problems_of(error)[0]
        return _unreadable(text, f"{field or 'its payload'}: {_redacted(data, why, 'it does not fit')}.")
    except Exception as error:  # noqa: BLE001 an upcaster, or a validator of the domain's, may meet anything in an old payload
        return _unreadable(text, f"{_redacted(data, said(error), type(error).__name__)}.")


def _may_be_personal(data: type[EventData]) -> bool:
    """Whether encrypted values may be in its payloads: it has personal fields, or may have had some."""
    return bool(personal_fields(data) or data.upcasters)


def _redacted(data: type[EventData], reason: str, instead: str) -> str:
    """The reason why a payload cannot be read; `instead` where it could quote personal data."""
    return instead if personal_fields(data) or not reason else reason


def _unreadable(text: str, reason: str, kind: type[Unreadable] = Unreadable) -> Unreadable:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):  # a number too long for Python, or too deep
        payload = text
    return kind(payload=payload, reason=reason)


def _recorded(row: Row, data: Any, event_type: str) -> RecordedEvent[Any]:
    (
        position, timestamp, recorded_at, event_id, version, schema_version,
        tenant_id, aggregate_type, aggregate_id, _, _, metadata,
    ) = row  # fmt: skip
    known = _known(metadata)
    return RecordedEvent(
        event_id,
        aggregate_id,
        aggregate_type,
        event_type,
        version,
        data,
        EventMetadata(tenant_id, known.get("correlation_id", ""), known.get("causation_id"), known.get("user_id")),
        timestamp,
        schema_version,
        position=position,
        recorded_at=recorded_at,
    )


def _known(metadata: str) -> dict[str, Any]:
    """The metadata. Values stored by hand that cannot be read are left out; an audit names them."""
    try:
        known = from_json(metadata)
    except ValueError:  # nested too deeply, or a number too long
        return {}
    if not isinstance(known, dict):
        return {}
    if _TEXT_OR_NONE.issuperset(map(type, known.values())):
        return known
    return {name: value for name, value in known.items() if value is None or isinstance(value, str)}
