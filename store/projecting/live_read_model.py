"""A live read model: a projection, the generation that holds its rows, and a connection."""

from dataclasses import dataclass
from functools import cached_property

from acci.domain.projections import Projection
from acci.store.compiling.event_filter import Selection
from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.batches import WORK_MEM
from acci.store.projecting.exclusions import Exclusions, load_exclusions
from acci.store.projecting.ranges import Applier

LOCK_WAIT_MILLISECONDS = 30_000


@dataclass(frozen=True)
class LiveReadModel:
    """One generation of a projection's read model, usually the live one; valid while its table exists."""

    connection: Connection
    projection: type[Projection]
    generation: Generation

    def lock(self) -> int:
        """Keep others from applying events to it until the transaction ends; its checkpoint. Raises `Busy`."""
        return lock(self.connection, self.generation)

    def exclusions(self) -> Exclusions:
        """Its exclusions now: read each time, since they may change unless the lock is held."""
        return load_exclusions(self.connection, self.generation)

    def applied(self, exclusions: Exclusions) -> Selection:
        """The events that its rows are made of: those up to its checkpoint, without the skipped."""
        return Selection(0, self.generation.checkpoint, skipped=exclusions.skipped)

    def table(self) -> ReadModel:
        """Its table as it is now."""
        return self.generation.read_model(self.connection)

    @cached_property
    def applier(self) -> Applier:
        """What applies events to its table; compiled once."""
        return applier_of(self.connection, self.projection, self.generation)


def lock(connection: Connection, generation: Generation) -> int:
    """Keep others from applying events to the generation until the transaction ends; its checkpoint.

    Waits for a batch under way. Raises `Busy` if another generation was published meanwhile.
    """
    connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
    connection.execute(sql("postgres/locks:limit_wait_of_transaction"), {"milliseconds": str(LOCK_WAIT_MILLISECONDS)})
    parameters = {"generation": generation.generation, "state": generation.state}
    row = connection.execute(sql("projecting/batches:lock_waiting"), parameters).fetchone()
    if row is None:
        raise generations.Busy(generation.projection, "rebuild")
    return int(row[0])
