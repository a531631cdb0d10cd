"""Poison events: those that cannot be applied are found by halving and become dead letters; their keys are parked.

All in the batch's transaction: dead letters and applied events become visible together, or not at all.
"""

from dataclasses import replace

from psycopg import DatabaseError, DataError, IntegrityError
from psycopg.types.json import Jsonb

from acci.domain.errors import AcciError
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.error_text import reason
from acci.store.projecting.ranges import Applier, Key, PoisonEvent, Span

# Classes of SQLSTATE caused by an event's content, or by the table's constraints, functions and triggers.
_OF_A_ROW = frozenset({"20", "21", "22", "23", "27", "2F", "38", "39", "44", "54", "P0"})
_NOT_SUPPORTED, _OF_A_PREPARED_STATEMENT = "0A", "RevalidateCachedQuery"
_OUR_OWN = "AC"

MOST = 1_000  # dead letters of a generation; with more, the rules are wrong, not the events


class TooManyDeadLetters(AcciError):
    """So many events cannot be applied that the rules must be wrong; the batch was not applied."""

    projection: str
    position: int
    error: str

    def __str__(self) -> str:
        return (
            f"{self.projection} could not apply more than {MOST:,} events, the last at position {self.position} "
            f"({self.error}). Correct its rules or its table and rebuild it."
        )


def is_poison(error: BaseException) -> bool:
    """Whether an event's content may be the cause. Other errors are faults of the rules, the table or the server."""
    if isinstance(error, DataError | IntegrityError | PoisonEvent):
        return True
    if not isinstance(error, DatabaseError) or not error.sqlstate:
        return False
    kind = error.sqlstate[:2]
    if kind == _NOT_SUPPORTED:
        return error.diag.source_function != _OF_A_PREPARED_STATEMENT
    # An SQLSTATE that the driver has no class for is somebody's own, from RAISE.
    return kind in _OF_A_ROW or (type(error) is DatabaseError and kind != _OUR_OWN)


def apply_span(connection: Connection, applier: Applier, generation: Generation, span: Span) -> tuple[int, int]:
    """Apply the span without its poison events; (rows changed, dead letters). In the caller's transaction.

    Raises `TooManyDeadLetters`.
    """
    try:
        with connection.transaction():
            changed = applier.apply(connection, span)
            connection.execute(sql("projecting/session:check_constraints"))
            return changed, 0
    except Exception as error:
        if not is_poison(error):
            raise
        if span.upto - span.after == 1:
            record_dead_letter(connection, applier, generation, span.upto, reason(error, applier.personal))
            return 0, 1
        middle = _cut(span, error)
    changed, dead = apply_span(connection, applier, generation, replace(span, upto=middle))
    rest = replace(span, after=middle, table_is_empty=False, skip_parked=span.skip_parked or dead > 0)
    more_changed, more_dead = apply_span(connection, applier, generation, rest)
    return changed + more_changed, dead + more_dead


def _cut(span: Span, error: Exception) -> int:
    """Where to cut the span in two: just before the event, just after it if it is the first; or in the middle."""
    if isinstance(error, PoisonEvent):
        return error.position - 1 if error.position - 1 > span.after else error.position
    return (span.after + span.upto) // 2


def record_dead_letter(
    connection: Connection, applier: Applier, generation: Generation, position: int, error: str
) -> None:
    """Store the event as a dead letter and park the keys it affects; none if its keys cannot be read."""
    keys: list[Key] = []
    unreadable = ""
    try:
        with connection.transaction():
            keys = applier.affected_keys(connection, position)
    except Exception as cause:
        if not is_poison(cause):
            raise
        unreadable = f"; its key is unreadable: {reason(cause, applier.personal)}"
    letter = {"generation": generation.generation, "position": position}
    connection.execute(
        sql("projecting/dead_letters:record"), letter | {"keys": Jsonb(keys), "error": error + unreadable}
    )
    for key in keys:
        connection.execute(sql("projecting/parked_keys:park"), letter | {"key": key})
    row = connection.execute(sql("projecting/dead_letters:count"), letter).fetchone()
    if row and row[0] > MOST:
        raise TooManyDeadLetters(generation.projection, position, error)
