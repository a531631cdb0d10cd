"""Status: where the log, every projection and every reaction stand, read in milliseconds."""

from dataclasses import dataclass
from datetime import datetime

from acci.store.generations.fingerprints import define
from acci.store.generations.generations import live
from acci.store.generations.open_backfills import unfinished
from acci.store.log import high_water
from acci.store.log.high_water import HighWater
from acci.store.monitoring.reactions import ReactionStatus, read_reactions
from acci.store.postgres.database import Connection
from acci.store.postgres.replica import Lag
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

COUNTED = 100_000  # events; a larger lag is given as a distance in positions


@dataclass(frozen=True)
class ProjectionStatus:
    """One projection: `state` is live, not built, rebuild needed or beyond the log; lag in events and seconds.

    `lag_is_exact` is false where the lag is a distance in positions, which counts holes too. `backfill` says which new
    columns readers do not see yet, since their backfill has not ended.
    """

    projection: str
    state: str
    generation: int | None
    building: int | None
    checkpoint: int
    lag_events: int
    lag_is_exact: bool
    lag_seconds: float
    advanced_at: datetime | None
    dead_letters: int = 0
    backfill: str | None = None

    @property
    def remedy(self) -> str | None:
        """The command that makes it live; None if it is."""
        if self.state == "live":
            return None
        return f"acci run {'catch-up' if self.state == 'not built' else 'rebuild'} {self.projection}"


@dataclass(frozen=True)
class Status:
    """The log's head, the high-water mark with its holders, the projections of the registered contexts, and reactions.

    `replica` is how far the one that reads go to is behind; None if there is none, or it was not asked for.
    """

    high_water: HighWater
    projections: tuple[ProjectionStatus, ...]
    replica: Lag | None = None
    reactions: tuple[ReactionStatus, ...] = ()


def read_status(connection: Connection, catalogue: Catalogue, tenant_id: str | None = None) -> Status:
    """The status now; with a tenant, the lag in its events only. Waits 0.05 s at most for appends."""
    mark = high_water.establish(connection, patience=0.05)
    return Status(
        mark,
        read_projections(connection, catalogue, mark.head, tenant_id),
        reactions=read_reactions(connection, catalogue, mark.head, tenant_id),
    )


def read_projections(
    connection: Connection, catalogue: Catalogue, head: int, tenant_id: str | None = None
) -> tuple[ProjectionStatus, ...]:
    """How far each projection is behind the last position drawn. Nothing is changed."""
    found = {(row[0], row[2]): row for row in connection.execute(sql("monitoring/lag:checkpoints")).fetchall()}
    letters: dict[str, int] = dict(
        row[:2] for row in connection.execute(sql("projecting/dead_letters:of_live")).fetchall()
    )
    backfills = unfinished(connection)
    projections = []
    for name, projection in sorted(catalogue.projections.items()):
        _, generation, _, checkpoint, advanced_at = found.get((name, "live"), (name, None, None, 0, None))
        in_the_making = found.get((name, "building"))
        events, exact, seconds = _lag(connection, checkpoint, head, tenant_id)
        state = "live" if generation else "not built"
        if high_water.end_before(connection, checkpoint, head) is not None:
            state = "beyond the log"
        elif generation:
            there = live(connection, name)
            if there and there.fingerprint != define(catalogue, projection).fingerprint:
                state = "rebuild needed"
        projections.append(
            ProjectionStatus(
                name,
                state,
                generation,
                in_the_making[1] if in_the_making else None,
                checkpoint,
                events,
                exact,
                seconds,
                advanced_at,
                letters.get(name, 0),
                str(backfills[generation]) if generation in backfills else None,
            )
        )
    return tuple(projections)


def _lag(connection: Connection, checkpoint: int, head: int, tenant_id: str | None) -> tuple[int, bool, float]:
    parameters = {"checkpoint": checkpoint, "head": head, "limit": COUNTED, "tenant_id": tenant_id}
    row = connection.execute(sql("monitoring/lag:of_checkpoint"), parameters).fetchone()
    counted, seconds = row or (0, None)
    exact = counted < COUNTED
    return (counted if exact else head - checkpoint), exact, round(seconds or 0.0, 3)
