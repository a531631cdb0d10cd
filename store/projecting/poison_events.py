"""Poison: events that cannot be applied are found by halving, set aside as dead letters, their keys parked.

All in the batch's transaction: what is set aside and what is applied become visible together, or not at all.
"""

from dataclasses import dataclass, replace

from psycopg import errors
from psycopg.types.json import Jsonb

from acci.domain.errors import AcciError
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.error_text import reason
from acci.store.projecting.ranges import Applier, Key, PoisonEvent, Span

# Errors that an event's content causes. Anything else is a fault of the rules, the table or the server.
POISON = (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded, errors.RaiseException)


MOST = 1_000  # dead letters of a generation; beyond it the rules are wrong, not the events


@dataclass(eq=False, repr=False)
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


def apply_span(connection: Connection, applier: Applier, generation: Generation, span: Span) -> tuple[int, int]:
    """Apply the span but for its poison events; (rows changed, dead letters). In the caller's transaction.

    Raises `TooManyDeadLetters`.
    """
    try:
        with connection.transaction():
            changed = applier.apply(connection, span)
            connection.execute(sql("projecting/check_now"))
            return changed, 0
    except POISON as error:
        if span.upto - span.after == 1:
            bury(connection, applier, generation, span.upto, reason(error, applier.personal))
            return 0, 1
        middle = (span.after + span.upto) // 2
    except PoisonEvent as poison:
        if span.upto - span.after == 1:
            bury(connection, applier, generation, span.upto, reason(poison, applier.personal))
            return 0, 1
        # Cut in two just before the event, or just behind it if it comes first.
        middle = poison.position - 1 if poison.position - 1 > span.after else poison.position
    changed, dead = apply_span(connection, applier, generation, replace(span, upto=middle))
    rest = replace(span, after=middle, fresh=False, careful=span.careful or dead > 0)
    more_changed, more_dead = apply_span(connection, applier, generation, rest)
    return changed + more_changed, dead + more_dead


def watching_out(connection: Connection, generation: Generation, span: Span) -> Span:
    """The span, careful if there are parked keys or events to be skipped."""
    parameters = {"generation": generation.generation, "projection": generation.projection}
    row = connection.execute(sql("dead_letters/in_the_way"), parameters).fetchone()
    parked, skipped = row or (False, [])
    return replace(span, careful=parked or bool(skipped), skipped=tuple(skipped))


def bury(connection: Connection, applier: Applier, generation: Generation, position: int, error: str) -> None:
    """Store the event as a dead letter and park the keys it touches; an event whose key is unreadable parks none."""
    keys: list[Key] = []
    unreadable = ""
    try:
        with connection.transaction():
            keys = applier.touched(connection, position)
    except (*POISON, PoisonEvent) as cause:
        unreadable = f"; its key is unreadable: {reason(cause, applier.personal)}"
    letter = {"generation": generation.generation, "position": position}
    connection.execute(sql("dead_letters/bury"), letter | {"keys": Jsonb(keys), "error": error + unreadable})
    for key in keys:
        connection.execute(sql("dead_letters/park"), letter | {"key": key})
    row = connection.execute(sql("dead_letters/count"), letter).fetchone()
    if row and row[0] > MOST:
        raise TooManyDeadLetters(generation.projection, position, error)
