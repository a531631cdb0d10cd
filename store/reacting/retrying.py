"""Dead letters of reactions, retried or discarded: what waits behind them goes on, in order, each event once."""

from collections.abc import Sequence
from dataclasses import dataclass

from acci.domain.errors import AcciError
from acci.domain.reactions import Reaction
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reacting.dead_letters import DeadLetter, NoDeadLetter, letter, letters
from acci.store.reacting.deciding_again import DecidingAgain
from acci.store.reacting.outbox import Head, pass_on
from acci.store.reacting.registrations import lock, registration
from acci.store.reacting.states import columns
from acci.store.registry import Catalogue

KEYS = 200  # keys in one transaction


class NoReason(AcciError):
    """What is kept with a reason was asked for without one; nothing was done."""

    what: str

    sentence = "{what} needs a reason, which is kept with it. Say why."


@dataclass
class Retried:
    """What a retry or a discard did: events decided, their effects put into the outbox, deliveries that are due again.

    `failed`: dead letters that could not be decided again; `waiting`: events that wait behind those.
    """

    reaction: str
    decided: int = 0
    effects: int = 0
    due: int = 0
    failed: int = 0
    waiting: int = 0


def retry(
    connection: Connection,
    catalogue: Catalogue,
    reaction: str,
    position: int | None = None,
    ordinal: int | None = None,
) -> Retried:
    """Try a dead letter again, or without a position all that the reaction has.

    An event is decided by today's code, then those of its key that wait, in order, up to the first that fails; each
    under the rewind that it belongs to. A delivery is due now, as if it had never been tried; while the reaction is
    paused it waits. Atomic for each key; without dead letters nothing is done. Raises `NoDeadLetter`, `NotRegistered`,
    and for events `ReactionPaused`, `UnknownName`.
    """
    registration(connection, reaction)
    found = letters(connection, reaction) if position is None else [letter(connection, reaction, position, ordinal)]
    done = Retried(reaction)
    deliveries = [(each.tenant_id, each.key or "") for each in found if each.ordinal is not None]
    if deliveries:
        wanted = {"reaction": reaction, **columns(deliveries)}
        done.due = connection.execute(sql("reacting/dead_letters:deliver_again"), wanted).rowcount
    events = [each for each in found if each.ordinal is None]
    if events:
        _retry_events(connection, catalogue, catalogue.reaction(reaction), events, done)
    return done


def _retry_events(
    connection: Connection,
    catalogue: Catalogue,
    reaction: type[Reaction],
    events: Sequence[DeadLetter],
    done: Retried,
) -> None:
    keys = [(each.tenant_id, each.key) for each in events if each.key is not None]
    for begin in range(0, len(keys), KEYS):
        with connection.transaction():
            _lock(connection, reaction)
            again = DecidingAgain(connection, catalogue, reaction)
            again.keys(keys[begin : begin + KEYS])
        _add(done, again)
    for each in events:
        if each.key is None:
            with connection.transaction():
                _lock(connection, reaction)
                again = DecidingAgain(connection, catalogue, reaction)
                again.alone(each.position, each.rewind)
            _add(done, again)


def _lock(connection: Connection, reaction: type[Reaction]) -> None:
    lock(connection, reaction.name, wait=True).require_running()


def _add(done: Retried, again: DecidingAgain) -> None:
    done.decided += again.decided
    done.effects += again.effects
    done.failed += again.failed
    done.waiting += again.waiting


def discard(
    connection: Connection,
    catalogue: Catalogue,
    reaction: str,
    position: int,
    ordinal: int | None,
    reason: str,
) -> Retried:
    """Leave a dead letter out for good, with a reason and who did it; then its key goes on, as `retry` has it.

    Nothing follows from a discarded event, and no state is folded from it, unless a rewind has it decided again.
    Atomic. Raises `NoReason`, `NoDeadLetter`, `NotRegistered`, and for an event `ReactionPaused`, `UnknownName`.
    """
    if not reason.strip():
        raise NoReason(f"To discard a dead letter of {reaction}")
    registration(connection, reaction)
    done = Retried(reaction)
    with connection.transaction():
        if ordinal is None:
            _lock(connection, catalogue.reaction(reaction))
            _discard_event(connection, catalogue, letter(connection, reaction, position), reason, done)
        else:
            _discard_delivery(connection, letter(connection, reaction, position, ordinal), reason, done)
    return done


def _discard_event(connection: Connection, catalogue: Catalogue, found: DeadLetter, reason: str, done: Retried) -> None:
    connection.execute(sql("reacting/outcomes:discard"), vars(found) | {"reason": reason})
    connection.execute(sql("reacting/undecided:remove"), vars(found) | {"positions": [found.position]})
    if found.key is not None:
        again = DecidingAgain(connection, catalogue, catalogue.reaction(found.reaction))
        again.keys([(found.tenant_id, found.key)])
        _add(done, again)


def _discard_delivery(connection: Connection, found: DeadLetter, reason: str, done: Retried) -> None:
    ended = connection.execute(sql("reacting/dead_letters:discard"), vars(found) | {"reason": reason})
    if not ended.rowcount:  # somebody else did it meanwhile
        raise NoDeadLetter(found.reaction, found.place, ())
    done.due = pass_on(connection, Head(found.reaction, found.tenant_id, found.key or ""))
