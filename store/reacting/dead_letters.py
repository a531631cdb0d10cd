"""Dead letters of reactions: events that could not be decided, and deliveries that failed for good.

Behind each its key waits: the later events, or the later deliveries. `retrying` has what is done about them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from acci.domain.errors import AcciError
from acci.domain.expressions.values import parse
from acci.store.encryption.payload_encryption import UNREADABLE, decrypt
from acci.store.log.decoding import stored
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.effect_rows import bound_to

EVENT = "event"  # the kind of a letter that is an event


class NoDeadLetter(AcciError):
    """A reaction has no dead letter at that place, a position or position/ordinal; `known` lists those that it has."""

    reaction: str
    place: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        listed = f"Its dead letters: {', '.join(self.known)}." if self.known else "It has none; nothing is to be done."
        return f"{self.reaction} has no dead letter {self.place}. {listed}"


@dataclass(frozen=True)
class DeadLetter:
    """An event that could not be decided, or a delivery that failed for good: which, why, and how many wait behind it.

    `ordinal`: of a delivery, the place among the effects of the event at `position`; None: the event itself. `kind` is
    event, command, message or flow, `topic` the event's type, the command's name, the topic or the deployment. `key` is
    None if the event's payload, which has it, cannot be read. `first_seen`: of a delivery, when it was decided.
    """

    reaction: str
    tenant_id: str
    key: str | None
    position: int
    rewind: int
    ordinal: int | None
    kind: str
    topic: str
    error: str
    tries: int
    first_seen: datetime
    last_tried: datetime | None
    waiting: int

    @property
    def place(self) -> str:
        """By which it is named: the position; of a delivery, position/ordinal."""
        return place_of(self.position, self.ordinal)


def place_of(position: int, ordinal: int | None) -> str:
    return str(position) if ordinal is None else f"{position}/{ordinal}"


def letters(connection: Connection, reaction: str | None = None, tenant_id: str | None = None) -> list[DeadLetter]:
    """All dead letters, by reaction and position."""
    wanted = {"reaction": reaction, "tenant_id": tenant_id}
    return [DeadLetter(*row) for row in connection.execute(sql("reacting/dead_letters:list"), wanted).fetchall()]


def letter(connection: Connection, reaction: str, position: int, ordinal: int | None = None) -> DeadLetter:
    """The event at `position`, or its effect at `ordinal`. Raises `NoDeadLetter`."""
    found = letters(connection, reaction)
    for each in found:
        if (each.position, each.ordinal) == (position, ordinal):
            return each
    raise NoDeadLetter(reaction, place_of(position, ordinal), tuple(each.place for each in found))


def payload_of(connection: Connection, of: DeadLetter) -> Any:
    """The event's payload as stored, or the delivery's content; readable, and what is of an erased person ERASED.

    What was tampered with is left encrypted. Raises `NoDeadLetter` if it was delivered meanwhile, `KeyMissing`,
    `NoKeyStore`.
    """
    if of.ordinal is None:
        (row,) = connection.execute(sql("log/events:at"), {"positions": [of.position]}).fetchall()
        try:
            return stored(row, True, connection.keys).data
        except UNREADABLE:
            return stored(row, False, connection.keys).data
    found = connection.execute(sql("reacting/dead_letters:content"), vars(of)).fetchone()
    if found is None:
        raise NoDeadLetter(of.reaction, of.place, ())
    text, encrypted = found
    if not encrypted:
        return parse(text)
    try:
        return parse(decrypt(text, bound_to(of.reaction, of.rewind, of.position, of.ordinal), connection.keys))
    except UNREADABLE:
        return parse(text)
