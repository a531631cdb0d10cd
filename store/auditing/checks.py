"""Checks: what an audit can look for, each by one function that yields what is wrong, perhaps with its own repair."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.repairs import Repair
from acci.store.auditing.scope import AuditScope
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.registry import Catalogue

MOST = 1_000  # findings of one check; with more than that, rebuild


class LeftOut(AcciError):
    """A check cannot be made as asked, which is no finding; `reason` is a sentence."""

    reason: str

    sentence = "{reason}"


class DoesNotFit(LeftOut):
    """A check that there is not for such a part, say a tenant's."""


@dataclass(frozen=True)
class CheckContext:
    """What a check is made on: `scope` of the log, or of `generation`, the build of `projection`'s read model."""

    connection: Connection
    catalogue: Catalogue
    scope: AuditScope
    projection: type[Projection] | None = None
    generation: Generation | None = None

    def of_read_model(self) -> LiveReadModel:
        """The read model, for a check that is made on one."""
        if self.projection is None or self.generation is None:
            raise LeftOut("There is no read model to look at.")
        return LiveReadModel(self.connection, self.projection, self.generation)


@dataclass(frozen=True)
class Check:
    """Something that must hold. `run` yields what is wrong, in a transaction that is rolled back.

    repair: mends what was found, from the events; None if that cannot be done. A check in SQL names one in its file,
    see `sql_checks`. place: the names that place a finding. of_read_model: made on each read model, or on `only` that
    one; else once. narrows: whether it can be confined to a tenant, to keys, to what changed. samples: whether to a
    sample. One that cannot is made on everything.

        Check("rows", Severity.ERROR, "A row is not what its events give.", check_rows, repair=repair_rows, …)
    """

    name: str
    severity: Severity
    description: str
    run: Callable[[CheckContext], Iterator[Found]]
    place: tuple[str, ...] = ()
    of_read_model: bool = False
    only: str | None = None
    narrows: bool = True
    samples: bool = True
    repair: Repair | None = None
