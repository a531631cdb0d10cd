"""The quality suite as checks of the gate."""

from collections.abc import Iterable

from acci.domain.projections import Projection
from acci.flows.quality.great_expectations import check
from acci.store.extras import require
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.rebuilding.gate import Check
from acci.store.registry import Catalogue


def require_library(catalogue: Catalogue, names: Iterable[str]) -> None:
    """Raises `MissingExtra` before any work if a suite of these projections could not be run at its end."""
    if any(name in catalogue.suites for name in names):
        require("quality")


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
