"""Snapshots: each compared with what its stream's events fold to, up to its version."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from acci.domain.aggregates import Aggregate
from acci.domain.events import StreamId
from acci.domain.projections.stored_values import in_one_line
from acci.store.aggregates.loading import UnreadableEvent
from acci.store.aggregates.repository import fold
from acci.store.aggregates.snapshots import decrypted
from acci.store.auditing.checks import CheckContext
from acci.store.auditing.differing import differing
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.scope import of_audited_events
from acci.store.encryption.payload_encryption import UNREADABLE
from acci.store.log.decoding import Decoder
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import sql

PAGE = 2_000  # events in memory at a time
WHAT_TO_DO = "Raise the aggregate's state_version if its @evolves changed, or re-derive it with `acci run repair`."
STREAM_ID = slice(6, 9)  # where a row has its stream


def check_snapshots(context: CheckContext) -> Iterator[Found]:
    """Snapshots whose state differs from replay, and those of an older class, which loading ignores."""
    with context.connection.cursor(name="snapshots") as cursor:
        cursor.itersize = PAGE
        rows = cursor.execute(of_audited_events(context.connection, context.scope, sql("auditing/snapshots")), {})
        for stream, of_stream in groupby(rows, lambda row: StreamId(*row[STREAM_ID])):
            yield from _stream(context, stream, of_stream)


def _stream(context: CheckContext, stream: StreamId, rows: Iterator[tuple[Any, ...]]) -> Iterator[Found]:
    aggregate = context.catalogue.aggregates.get(stream.aggregate_type)
    if aggregate is None:
        problem = f"There are snapshots of a {stream.aggregate_type}, and no such aggregate is registered."
        yield Found(stream._asdict(), Severity.WARNING, problem)
        return
    decoder = Decoder(context.catalogue.stored, context.catalogue.retired, context.connection.keys)
    state = aggregate()
    for *row, state_schema, stored in rows:
        event = decoder.event(row)
        try:
            state = fold(state, [event])
        except UnreadableEvent as error:
            yield Found(stream._asdict(), Severity.WARNING, f"Its snapshots cannot be checked: {error}")
            return
        except Exception as error:  # noqa: BLE001 an exception of the user's code stops only its own stream
            problem = f"Its snapshots cannot be checked: version {row[4]} cannot be folded ({in_one_line(error)})."
            yield Found(stream._asdict(), Severity.WARNING, problem)
            return
        if stored is None:
            continue
        place = stream._asdict() | {"version": str(row[4])}
        if state_schema != aggregate.state_schema():
            problem = "An older class made this snapshot; it is ignored until compaction replaces it."
            yield Found(place, Severity.INFO, problem)
            continue
        kept = _kept(aggregate, stored, stream, context.connection.keys)
        try:
            replayed = json.loads(state.model_dump_json())
        except Exception as error:  # noqa: BLE001 as above
            yield Found(
                place, Severity.WARNING, f"It cannot be checked: its state has no JSON form ({in_one_line(error)})."
            )
            continue
        if kept != replayed:
            fields = differing(kept, replayed)
            problem = f"The snapshot differs from its stream's events in {', '.join(fields)}. {WHAT_TO_DO}"
            yield Found(place, Severity.ERROR, problem, {"columns": fields})


def _kept(aggregate: type[Aggregate], stored: str, stream: StreamId, keys: Keys | None) -> Any:
    try:
        return json.loads(decrypted(aggregate, stored, stream.aggregate_id, keys))
    except (*UNREADABLE, ValueError, RecursionError) as error:
        return f"unreadable: {type(error).__name__}"
