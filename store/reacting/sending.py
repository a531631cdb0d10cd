"""A key's rows, sent in order as far as they go: what becomes of them and of the next."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from acci.domain.errors import AcciError, Refused
from acci.store.encryption.payload_encryption import UNREADABLE
from acci.store.postgres.refusals import refusal_of
from acci.store.projecting.error_text import kind_of
from acci.store.reacting.contents import COMMAND
from acci.store.reacting.outbox import DELIVERED, ERASED_PERSON, REFUSED, Ending, Settlement, Taken
from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.routes import OWN_TRIES, Route, Routes
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 3600.0  # seconds
SETTLING = 2.0  # seconds that are left of a lease for storing what became of a row


@dataclass(slots=True)
class Sent:
    """What became of a key: how it is settled, the dead letter that it has come to, the commands that were refused."""

    settlement: Settlement
    dead_letter: Outgoing | None = None
    refused: list[Ending] = field(default_factory=list)
    failed: int = 0
    released: int = 0


def backoff(tries: int, jitter: float, retry_after: float | None = None) -> float:
    """Seconds until the next try after `tries`: doubled each time, up to an hour, with a random share taken off.

    `jitter` is from 0 to 1. Never before a receiver asks for it.
    """
    longest = min(FIRST_PAUSE * 2.0 ** min(tries - 1, 60), LONGEST_PAUSE)
    return max(longest * (1 - jitter / 2), retry_after or 0.0)


def send_rows(taken: Taken, routes: Routes, ends: float, stopping: Callable[[], bool]) -> Sent:
    """Send the rows one after the other, until one fails, the lease could end during the next, or it is to stop.

    `ends`: of the lease, by the monotonic clock.
    """
    sent = Sent(Settlement(taken.head, taken.lease, tries=taken.tries))
    for row in taken.rows:
        bound = OWN_TRIES
        try:
            if row.is_erased:
                _end(sent, row, ERASED_PERSON)
                continue
            route = _route(routes, row)
            bound = route.tries
            if stopping() or time.monotonic() + route.seconds + SETTLING > ends:
                sent.released += 1
                return sent
            route.sender.send(row)
            _end(sent, row, DELIVERED)
        except Exception as error:  # noqa: BLE001 a sender of the user's own may raise anything
            if isinstance(error, Refused) and row.kind == COMMAND:
                said = kind_of(error) if row.is_personal else AcciError.__str__(error)
                sent.refused.append(_end(sent, row, REFUSED, said))
                continue
            reason, may_pass, retry_after = _why(error, row)
            _fail(sent, row, reason, retry_after, bound if may_pass else 0)
            return sent
    return sent


def _route(routes: Routes, row: Outgoing) -> Route:
    """Raises what is wrong with the row, or with where it is to go."""
    if row.problem is not None:
        raise row.problem
    return routes.of(row)


def _end(sent: Sent, row: Outgoing, ended: str, reason: str | None = None) -> Ending:
    tries = sent.settlement.tries + (ended != ERASED_PERSON)
    ending = Ending(row, tries, ended, reason)
    sent.settlement.ended.append(ending)
    sent.settlement.tries = 0  # of the next row
    return ending


def _fail(sent: Sent, row: Outgoing, reason: str, retry_after: float | None, bound: int) -> None:
    settlement = sent.settlement
    settlement.tries += 1
    settlement.error = reason
    sent.failed += 1
    if settlement.tries >= bound:
        settlement.delay, sent.dead_letter = None, row
    else:
        settlement.delay = backoff(settlement.tries, random.random(), retry_after)  # noqa: S311 nothing secret


def _why(error: BaseException, row: Outgoing) -> tuple[str, bool, float | None]:
    """The reason without personal data, whether it may pass, and when to try again."""
    if isinstance(error, DeliveryFailed):
        return error.reason, True, error.retry_after
    if isinstance(error, DeliveryRefused):
        return error.reason, False, None
    known = refusal_of(error) if isinstance(error, psycopg.Error) else error
    if isinstance(known, AcciError):
        return kind_of(known) if row.is_personal else str(known).rstrip("."), not isinstance(known, UNREADABLE), None
    return f"the sender raised {type(error).__name__}", True, None
