"""Erasing a person from reactions: what was still to be done for them ends undone, and states are dropped.

The events stay. What is decided from then on, and the states that are computed again, read the person as erased.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from acci.store.encryption.payload_encryption import UNREADABLE, decrypt
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


@dataclass
class ErasedReactions:
    """How many rows of the outbox ended as erased, timers and states were dropped, digests and errors were emptied."""

    deliveries: int = 0
    timers: int = 0
    states: int = 0
    digests: int = 0
    errors: int = 0


def erase_from_reactions(
    connection: Connection, tenant_id: str, subject: str, positions: Sequence[int], texts: Sequence[str]
) -> ErasedReactions:
    """Afterwards nothing that follows from the person's data is sent or fires, and none of it can be read or guessed.

    The person's key is destroyed already. `positions` are of the events with data of theirs, `texts` that data as it
    stands in JSON: what was decided for others and quotes it is not sent either. For one reaction after the other, each
    behind a batch under way; atomic for each; idempotent.
    """
    done = ErasedReactions()
    about = {"tenant_id": tenant_id, "subject": subject, "positions": list(positions), "texts": list(texts)}
    for (reaction,) in connection.execute(sql("maintenance/erasing_reactions:all")).fetchall():
        with connection.transaction():
            _erase(connection, about | {"reaction": reaction}, done)
    return done


def _erase(connection: Connection, about: dict[str, Any], done: ErasedReactions) -> None:
    def run(name: str) -> int:
        return connection.execute(sql(f"maintenance/erasing_reactions:{name}"), about).rowcount

    def column(name: str) -> list[str]:
        return [row[0] for row in connection.execute(sql(f"maintenance/erasing_reactions:{name}"), about)]

    run("lock")
    about["keys"] = column("keys")
    quoted = list(_quoted(connection, about))
    about["rewinds"], about["places"], about["ordinals"] = map(list, zip(*quoted, strict=True)) if quoted else ([],) * 3
    about["heads"] = column("lock_heads")
    done.deliveries += run("end_rows")
    run("drop_heads")
    done.timers += run("timers")
    done.states += run("states")
    done.digests += run("digests")
    done.errors += run("undecided") + run("errors") + run("reasons")


def _quoted(connection: Connection, about: dict[str, Any]) -> Iterator[tuple[int, int, int]]:
    """What was decided for other people and quotes the person: (rewind, position, ordinal)."""
    rows = connection.execute(sql("maintenance/erasing_reactions:of_others"), about).fetchall()
    for *place, bound_to, text in rows:
        try:
            plain = json.dumps(json.loads(decrypt(text, bound_to, connection.keys)), ensure_ascii=False)
        except UNREADABLE:
            continue  # by anybody
        if any(said in plain for said in about["texts"]):
            yield place[0], place[1], place[2]
