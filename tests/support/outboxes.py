"""Outboxes that are filled without a reaction that decides: rows as it would put them there."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from acci.store.postgres.database import Connection
from acci.store.reacting.contents import MESSAGE
from acci.store.reacting.effect_rows import OutboxRow
from acci.store.reacting.outbox import put
from acci.store.reacting.outgoing import Outgoing


def register(connection: Connection, reaction: str = "welcome_mail") -> None:
    """A reaction that has decided nothing yet."""
    connection.execute(
        "INSERT INTO acci.reactions (reaction, checkpoint, begins, fingerprint, server)"
        " VALUES (%s, 0, 0, 'none', acci.server_identity())",
        (reaction,),
    )


def row(
    position: int,
    key: str = "k",
    *,
    ordinal: int = 0,
    rewind: int = 0,
    reaction: str = "welcome_mail",
    tenant_id: str = "acme",
    kind: str = MESSAGE,
    topic: str = "mail",
    content: dict[str, Any] | None = None,
    event_id: UUID | None = None,
    subject: str | None = None,
) -> OutboxRow:
    """A row of the outbox: by default of a message whose payload has its position."""
    what = content if content is not None else {"payload": {"n": position}, "headers": {}}
    identity = event_id or uuid4()
    return OutboxRow(
        position,
        rewind,
        ordinal,
        reaction,
        tenant_id,
        key,
        kind,
        topic,
        f"c{position}",
        identity,
        subject,
        json.dumps(what),
    )


def fill(connection: Connection, *rows: OutboxRow) -> None:
    """Put these rows into the outbox."""
    with connection.transaction():
        put(connection, rows)


def outgoing(content: dict[str, Any] | None = None, **changes: Any) -> Outgoing:
    """A message as a sender gets it."""
    fields: dict[str, Any] = {
        "reaction": "welcome_mail", "rewind": 0, "position": 7, "ordinal": 0, "tenant_id": "acme", "key": "k",
        "kind": MESSAGE, "topic": "mail", "correlation_id": "c", "event_id": UUID(int=1),
        "created_at": datetime(2026, 1, 2, tzinfo=UTC), "content": content or {"payload": {"n": 7}, "headers": {}},
    }  # fmt: skip
    return Outgoing(**(fields | changes))
