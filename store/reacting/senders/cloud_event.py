"""A message as a CloudEvent 1.0 in JSON (structured mode): a webhook's signature covers a body, but no headers."""

import json
from typing import Any
from urllib.parse import quote

from acci.store.reacting.outgoing import Outgoing

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def source_of(message: Outgoing) -> str:
    """Of which messages: those of one source and subject come in the order of their `sequence`."""
    return f"/tenants/{quote(message.tenant_id, safe='')}/reactions/{message.reaction}"


def attributes_of(message: Outgoing) -> dict[str, Any]:
    """The context attributes. `position` is a text, as CloudEvents' integers have 32 bits."""
    return {
        "specversion": "1.0",
        "id": str(message.id),
        "source": source_of(message),
        "type": message.topic,
        "subject": message.key,
        "time": message.created_at.isoformat(),
        "datacontenttype": "application/json",
        "partitionkey": message.key,
        "sequence": message.sequence,
        "position": str(message.position),
        "rewind": message.rewind,
        "ordinal": message.ordinal,
        "tenantid": message.tenant_id,
        "correlationid": message.correlation_id,
        "causationid": str(message.event_id),
    }


def cloud_event(message: Outgoing) -> bytes:
    """The message in JSON."""
    event = attributes_of(message) | {"data": message.content["payload"]}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
