"""The outbox: what was decided and is not yet delivered, in order per key.

A key with rows in it has one head, whose `due` says when its next row may be tried; a worker takes a key by moving that
to the end of its lease.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from acci.domain.errors import AcciError
from acci.domain.personal import ERASED
from acci.store.encryption.payload_encryption import decrypt, prefetch_keys
from acci.store.log.append import array
from acci.store.log.bulk import JSONB
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import sql
from acci.store.reacting.effect_rows import OutboxRow, bound_to
from acci.store.reacting.outgoing import Outgoing

COLUMNS = ["int8", "int4", "int4", "text", "text", "text", "text", "text", "text", "uuid", "text", "bytea"]
DELIVERED, REFUSED, DISCARDED, ERASED_PERSON = "delivered", "refused", "discarded", "erased"


class Head(NamedTuple):
    """A key with rows in the outbox."""

    reaction: str
    tenant_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A head that a worker has until its lease ends: its next rows, in order, and how often the first was tried."""

    head: Head
    lease: UUID
    tries: int
    rows: tuple[Outgoing, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a row ended, for good: delivered, refused or erased."""

    row: Outgoing
    tries: int
    ended: str = DELIVERED
    reason: str | None = None


@dataclass(slots=True)
class Settlement:
    """What became of a head: the rows that ended, in order, and what holds for the next one.

    tries: how often that was tried. error: why it failed, if it did. delay: seconds until it may be tried; None: never,
    it is a dead letter.
    """

    head: Head
    lease: UUID
    ended: list[Ending] = field(default_factory=list)
    tries: int = 0
    error: str | None = None
    delay: float | None = 0.0


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
    heads = sorted({Head(row.reaction, row.tenant_id, row.key) for row in rows})  # locked in one order by all
    connection.execute(sql("reacting/outbox:add_heads"), _named(heads))


def take(
    connection: Connection, seconds: float, limit: int, rows: int, reactions: Sequence[str] | None = None
) -> tuple[Taken, ...]:
    """Take at most `limit` heads that are due, of reactions that run, each with its next `rows` rows, for `seconds`.

    Only of these `reactions`, if they are given. No other worker has them before that; a worker counts the time from
    before this call.
    """
    lease = uuid4()
    with connection.transaction():
        names = None if reactions is None else list(reactions)
        wanted = {"lease": lease, "seconds": seconds, "limit": limit, "names": names}
        heads = connection.execute(sql("reacting/outbox:take"), wanted).fetchall()
        if not heads:
            return ()
        named = _named([Head(*each[:3]) for each in heads])
        found = connection.execute(sql("reacting/outbox:next_rows"), named | {"rows": rows}).fetchall()
    prefetch_keys([row[-1] for row in found if row[-2] is not None], connection.keys)
    of_head: defaultdict[int, list[Outgoing]] = defaultdict(list)
    for place, *row in found:
        of_head[place].append(_outgoing(Head(*heads[place - 1][:3]), row, connection.keys))
    return tuple(
        [Taken(Head(*head), lease, tries, tuple(of_head[place])) for place, (*head, tries) in enumerate(heads, 1)]
    )


def settle(connection: Connection, settlements: Sequence[Settlement]) -> set[Head]:
    """Afterwards their rows have ended, and each head is as its settlement says, or gone with its last row.

    In the caller's transaction. Returns the heads that have another lease by now: nothing of theirs was changed.
    """
    named = {**_named([each.head for each in settlements]), "leases": [each.lease for each in settlements]}
    ours = {Head(*row) for row in connection.execute(sql("reacting/outbox:lock_leased"), named).fetchall()}
    kept = [each for each in settlements if each.head in ours]
    if ended := [ending for each in kept for ending in each.ended]:
        connection.execute(sql("reacting/outbox:end_rows"), _columns_of(ended))
    if kept:
        columns = {
            "tries": [each.tries for each in kept],
            "delays": [each.delay for each in kept],
            "errors": [each.error for each in kept],
            "untried": [each.error is None and not each.ended for each in kept],
        }
        connection.execute(sql("reacting/outbox:next_heads"), _named([each.head for each in kept]) | columns)
    return {each.head for each in settlements} - ours


def pass_on(connection: Connection, head: Head) -> int:
    """Afterwards the next row of a key is due, whose last one has ended, or the head is gone; how many rows are due.

    In the caller's transaction, which has the head's lock.
    """
    one = _named([head]) | {"tries": [0], "delays": [0.0], "errors": [None], "untried": [False]}
    return connection.execute(sql("reacting/outbox:next_heads"), one).rowcount


def _named(heads: Sequence[Head]) -> dict[str, Any]:
    reactions, tenant_ids, keys = map(array, zip(*heads, strict=True))
    return {"reactions": reactions, "tenant_ids": tenant_ids, "keys": keys}


def _columns_of(ended: Sequence[Ending]) -> dict[str, list[Any]]:
    return {
        "reactions": [each.row.reaction for each in ended],
        "rewinds": [each.row.rewind for each in ended],
        "positions": [each.row.position for each in ended],
        "ordinals": [each.row.ordinal for each in ended],
        "tries": [each.tries for each in ended],
        "endings": [each.ended for each in ended],
        "reasons": [each.reason for each in ended],
    }


def _outgoing(head: Head, row: Sequence[Any], keys: Keys | None) -> Outgoing:
    """The row with its content opened, or what is wrong with that."""
    position, rewind, ordinal, kind, topic, correlation_id, event_id, created_at, subject, text = row
    content: Any = {}
    problem = None
    try:
        about = bound_to(head.reaction, rewind, position, ordinal)
        content = json.loads(text if subject is None else decrypt(text, about, keys))
    except AcciError as error:
        problem = error
    is_erased = content == ERASED
    return Outgoing(
        head.reaction, rewind, position, ordinal, head.tenant_id, head.key, kind, topic, correlation_id, event_id,
        created_at, {} if is_erased else content, is_erased, problem, subject is not None,
    )  # fmt: skip
