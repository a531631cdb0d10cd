"""Housekeeping: what is no longer needed is removed. Never an event, a seal, or the records of commands and imports.

Records of imports stay: they prevent a file from being imported twice. So do outcomes and deliveries of reactions: they
prevent an event from being decided twice, and prove what was sent.
"""

from dataclasses import dataclass

from acci.store.generations import lifecycle
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

RECORDS = ("findings", "backfills", "audits", "lag_samples")  # kept for days
REMNANTS = ("dead_letters", "parked_keys")  # of dropped generations


@dataclass(frozen=True)
class Tidied:
    """How many were removed of what."""

    what: str
    removed: int


def tidy(connection: Connection, catalogue: Catalogue, keep: int, days: int) -> list[Tidied]:
    """Remove old generations beyond the newest `keep` of each read model, and records that ended `days` ago.

    Each kind in a transaction of its own; idempotent. A generation that is still being read is left for later.
    """
    removed = sum(lifecycle.retain(connection, name, keep) for name in sorted(catalogue.projections))
    done = [Tidied("generations", removed)]
    for what in (*REMNANTS, *RECORDS):
        removed = connection.execute(sql(f"maintenance/housekeeping:{what}"), {"days": days}).rowcount
        done.append(Tidied(what.replace("_", " "), removed))
    return done
