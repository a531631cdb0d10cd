"""Payloads: whether today's code can read every event, through its upcasters and into its types."""

from collections import defaultdict
from collections.abc import Iterator

from acci.domain.events import Retired, Unreadable
from acci.store.auditing.checks import MOST, CheckContext
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.scope import of_audited_events
from acci.store.log.decoding import Decoder
from acci.store.postgres.statements import sql

PAGE = 10_000  # events in memory at a time


def check_payloads(context: CheckContext) -> Iterator[Found]:
    """Events that cannot be read: each, or an event type's schema version as one if none of it can be."""
    decoder = Decoder(context.catalogue.stored, context.catalogue.retired, context.connection.keys)
    read: dict[tuple[str, int], int] = defaultdict(int)
    unread: dict[tuple[str, int], list[tuple[int, str]]] = defaultdict(list)
    with context.connection.cursor(name="payloads") as cursor:
        cursor.itersize = PAGE
        payloads = of_audited_events(context.connection, context.scope, sql("auditing/scope:payloads"))
        for position, event_type, schema_version, text, event_id in cursor.execute(payloads, {}):
            shape = (event_type, schema_version)
            data = decoder.data(event_type, schema_version, text, event_id)
            if not isinstance(data, Unreadable) or isinstance(data, Retired):
                read[shape] += 1
            elif len(unread[shape]) <= MOST:
                unread[shape].append((position, data.reason))
    for (event_type, schema_version), bad in unread.items():
        name = {"event_type": event_type, "schema_version": str(schema_version)}
        if len(bad) > 1 and not read[event_type, schema_version]:
            position, reason = bad[0]
            problem = f"No {event_type} of schema version {schema_version} can be read: {reason}"
            yield Found(name, Severity.ERROR, problem, {"position": position})
            continue
        for position, reason in bad:
            problem = f"The {event_type} at position {position} cannot be read: {reason}"
            yield Found({"position": str(position)}, Severity.ERROR, problem, name)
