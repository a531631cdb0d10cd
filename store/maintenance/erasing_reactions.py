"""Erasing a person from reactions: what was still to be done for them ends undone, and states are dropped.

The events stay. What is decided from then on, and the states that are computed again, read the person as erased.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    stands in JSON. For one reaction after the other, each behind a batch under way; atomic for each; idempotent.
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
    about["heads"] = column("lock_heads")
    done.deliveries += run("end_rows")
    run("drop_heads")
    done.timers += run("timers")
    done.states += run("states")
    done.digests += run("digests")
    done.errors += run("undecided") + run("errors") + run("reasons")
