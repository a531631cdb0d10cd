"""Conversion: a line of the file to an event, as the mapping says and as the event's class demands."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID, uuid5

from pydantic import ValidationError
from pydantic_core import to_json

from acci.domain.events import EventData, EventMetadata
from acci.domain.expressions.kinds import Kind, kind_of_annotation
from acci.domain.projections.stored_values import in_one_line
from acci.store.encryption.payload_encryption import encrypt, is_reserved
from acci.store.importing.lines import Line
from acci.store.importing.mapping import Mapping, takes_null
from acci.store.importing.problems import BadLine
from acci.store.importing.sources import Record, Source, shown
from acci.store.log.bulk import RawEvent
from acci.store.log.payloads import PAYLOAD_LIMIT, check_stream
from acci.store.postgres.keys import Keys
from acci.store.registry import Catalogue
from acci.store.values.as_written import misread
from acci.store.values.pydantic_errors import problems_of
from acci.store.values.storable import Unstorable
from acci.store.values.strict_json import LARGEST

IMPORTS = UUID("a5e0d3b4-6f0c-5a57-9d1e-6b6f0c1d2e3f")
SUSPECT = re.compile(r"NaN|Infinity|\d{19}")


class Converter:
    """Makes events of the lines of one file. `content` is the hash of that file: event ids come from it."""

    def __init__(self, mapping: Mapping, catalogue: Catalogue, content: bytes, keys: Keys | None = None) -> None:
        self._mapping = mapping
        self._events = catalogue.stored
        self._keys = keys
        self._import = uuid5(IMPORTS, content.hex())
        self._correlation = f"import-{content.hex()[:12]}"
        self._payloads: dict[str, _Payload] = {}

    def event(self, line: Line) -> RawEvent:
        """The event of `line`, at version 0: versions are given when it is stored. Raises `BadLine`."""
        mapping, record = self._mapping, line.record
        payload = self._payload(mapping.event_type.text(record, "the event type"))
        event = RawEvent(
            uuid5(self._import, str(line.number)) if mapping.id is None else _uuid(mapping.id, record),
            mapping.aggregate_id.text(record, "the aggregate's id"),
            mapping.aggregate_type.text(record, "the aggregate's type"),
            payload.event.event_type(),
            0,
            payload.text(record),
            EventMetadata(
                mapping.tenant_id.text(record, "the tenant"),
                _optional(mapping.correlation_id, record, "the correlation id") or self._correlation,
                _optional(mapping.causation_id, record, "the causation id"),
                _optional(mapping.user_id, record, "the user id"),
            ),
            mapping.timestamp.timestamp(record, "the timestamp"),
            payload.event.schema_version,
        )
        try:
            check_stream(event.stream)
            if is_reserved(event.data):
                raise BadLine("it has a field acci.personal, a name that is ACCI's own")
        except Unstorable as error:
            raise BadLine(f"its stream's {error.where} {error.reason.rstrip('.')}") from error
        about = str(event.id)
        data = encrypt(payload.event, event.data, event.metadata.tenant_id, event.aggregate_id, about, self._keys)
        return event if data is event.data else replace(event, data=data)

    def _payload(self, event_type: str) -> "_Payload":
        if event_type not in self._payloads:
            if event_type not in self._events:
                raise BadLine(f"no event {shown(event_type)} is registered")
            event = self._events[event_type]
            said = self._mapping.payload(event)
            if said is None and event.model_fields:
                raise BadLine(f"the mapping says nothing of data.{event_type}")
            self._payloads[event_type] = _Payload(event, said or {})
        return self._payloads[event_type]


@dataclass
class _Payload:
    """What a line becomes: `event` from `said`, its fields' sources or that of the whole object."""

    event: type[EventData]
    said: Source | dict[str, Source]

    def __post_init__(self) -> None:
        fields = self.event.model_fields.items()
        self._moments = [name for name, info in fields if kind_of_annotation(info.annotation)[0] is Kind.TIMESTAMP]
        if isinstance(self.said, dict):
            # An empty cell is no value, where the field takes none.
            self.said = {
                name: source.model_copy(update={"nulls": ("",)})
                if source.nulls is None and source.column is not None and takes_null(self.event, name)
                else source
                for name, source in self.said.items()
            }

    def text(self, record: Record) -> str:
        """The payload's JSON. Raises `BadLine`."""
        values = self._values(record)
        try:
            # As JSON, so that bytes are read as they are stored.
            data = self.event.model_validate_json(to_json(values, inf_nan_mode="constants", bytes_mode="base64"))
            text = data.model_dump_json()
        except ValidationError as error:
            raise BadLine(
                "; ".join(f"{field}: {why}" if field else why for field, why in problems_of(error))
            ) from error
        except (ValueError, RecursionError) as error:
            raise BadLine(f"the payload has no JSON form: {error}") from error
        except Exception as error:  # any exception of the class's own validators
            raise BadLine(f"the payload cannot be made: {in_one_line(error)}") from error
        for name in self._moments:
            if getattr(getattr(data, name), "tzinfo", UTC) is None:
                raise BadLine(f"{name}: the timestamp has no time zone; give its source in the mapping a zone")
        if SUSPECT.search(text):
            _refuse_numbers(data.model_dump(), "")
        if problems := list(misread(values, data)):
            raise BadLine("; ".join(f"{field}: {problem}" for field, problem in problems))
        if "\\u0000" in text:
            _refuse_nul(json.loads(text), "")
        if len(text) * 4 > PAYLOAD_LIMIT and len(text.encode()) > PAYLOAD_LIMIT:
            raise BadLine(f"the payload is longer than {PAYLOAD_LIMIT:,} bytes")
        return text

    def _values(self, record: Record) -> dict[str, Any]:
        if isinstance(self.said, Source):
            whole = self.said.raw(record)
            if not isinstance(whole, dict):
                raise BadLine(f"the payload ({self.said.title}) is no object")
            if unknown := [name for name in whole if name not in self.event.model_fields]:
                raise BadLine(f"{self.event.event_type()} has no field {shown(unknown[0])}")
            return whole
        values = {}
        for name, source in self.said.items():
            value: Any = source.raw(record)
            if value is not None and source.is_timestamp and not (value == "" and takes_null(self.event, name)):
                value = source.timestamp(record, name)
            if value is not None or (takes_null(self.event, name) and self.event.model_fields[name].is_required()):
                values[name] = value
        return values


def _optional(source: Source | None, record: Record, what: str) -> str | None:
    if source is None or source.raw(record) in (None, ""):
        return None
    return source.text(record, what)


def _uuid(source: Source, record: Record) -> UUID:
    text = source.text(record, "the event's id")
    try:
        return UUID(text)
    except ValueError:
        raise BadLine(f"the event's id {shown(text)} is no UUID") from None


def _refuse_numbers(value: object, where: str) -> None:
    """Raises `BadLine` for a number that JSON or PostgreSQL's bigint does not hold."""
    if isinstance(value, float | Decimal) and not isfinite(value):
        raise BadLine(f"{where}: {value} is no number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise BadLine(f"{where}: the number is beyond 64 bits")
    _walk(value, where, _refuse_numbers)


def _refuse_nul(value: object, where: str) -> None:
    if isinstance(value, str) and "\0" in value:
        raise BadLine(f"{where}: it holds a NUL character, which PostgreSQL has not in text")
    _walk(value, where, _refuse_nul)


def _walk(value: object, where: str, visit: Any) -> None:
    inner: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    )
    for name, part in inner:
        visit(name, where)
        visit(part, f"{where}.{name}" if where else str(name))
