"""The quality suite as checks of the gate."""

from acci.domain.projections import Projection
from acci.flows.quality.great_expectations import check
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.rebuilding.gate import Check
from acci.store.registry import Catalogue


def quality_checks(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], generation: Generation
) -> list[Check]:
    """The checks of the read model's quality suite: one for each expectation that fails, or one that passes."""
    if projection.name not in catalogue.suites:
        return [Check("quality", True, "The read model has no quality suite.")]
    failures = check(connection, catalogue, projection, generation)
    if not failures:
        return [Check("quality", True, "Every expectation holds.")]
    return [Check("quality", False, str(failure)) for failure in failures]
