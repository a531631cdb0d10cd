"""Schema check: which stored events today's code cannot read, known before anything fails on one."""

from dataclasses import dataclass

from acci.domain.events import Retired, Unreadable
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue


@dataclass(frozen=True)
class StoredShape:
    """One event type and schema version in the log: how many events have it, at which positions the first and last are.

    `problem` is a sentence if today's code cannot read them, else None.
    """

    event_type: str
    schema_version: int
    events: int
    first_position: int
    last_position: int
    problem: str | None


def stored_shapes(connection: Connection, catalogue: Catalogue) -> list[StoredShape]:
    """Every shape in the log, read through today's event types and upcasters.

    Of each shape the first and the last event are tried; the audit `payloads` reads every one.
    """
    decoder = Decoder(catalogue.stored, catalogue.retired, connection.keys)
    found = connection.execute(sql("log/events:shapes")).fetchall()
    tried = [position for *_, first, last in found for position in (first, last)]
    stored = connection.execute(sql("log/events:payloads"), {"positions": tried}).fetchall()
    payloads = {position: (text, event_id) for position, text, event_id in stored}
    shapes = []
    for event_type, schema_version, events, first, last in found:
        read = (decoder.data(event_type, schema_version, *payloads[position]) for position in (first, last))
        problem = next(
            (data.reason for data in read if isinstance(data, Unreadable) and not isinstance(data, Retired)), None
        )
        shapes.append(StoredShape(event_type, schema_version, events, first, last, problem))
    return shapes
