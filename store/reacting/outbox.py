"""The outbox: what was decided and is not yet delivered, in order per key.

A key with rows in it has one head, whose `due` says when its next row may be tried; a worker takes a key by moving that
to the end of its lease.
"""

from collections.abc import Sequence

from acci.store.log.append import array
from acci.store.log.bulk import JSONB
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.effect_rows import OutboxRow

COLUMNS = ["int8", "int4", "int4", "text", "text", "text", "text", "text", "text", "uuid", "text", "bytea"]


def put(connection: Connection, rows: Sequence[OutboxRow]) -> None:
    """Store `rows`, to be delivered once the caller's transaction is committed; those of a key in the order of its own.

    A key that waits behind a dead letter goes on waiting.
    """
    if not rows:
        return
    with connection.cursor().copy(sql("reacting/outbox:copy")) as copy:
        copy.set_types(COLUMNS)
        for row in rows:
            copy.write_row(
                (
                    row.position,
                    row.rewind,
                    row.ordinal,
                    row.reaction,
                    row.tenant_id,
                    row.key,
                    row.kind,
                    row.topic,
                    row.correlation_id,
                    row.event_id,
                    row.subject,
                    JSONB + row.content.encode(),
                )
            )
    heads = sorted({(row.reaction, row.tenant_id, row.key) for row in rows})  # locked in one order by all
    reactions, tenant_ids, keys = map(array, zip(*heads, strict=True))
    named = {"reactions": reactions, "tenant_ids": tenant_ids, "keys": keys}
    connection.execute(sql("reacting/outbox:add_heads"), named)
