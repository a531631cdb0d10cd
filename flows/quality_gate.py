"""The quality suite's place in the gate: asked only where there is one, since its library takes seconds to import."""

import importlib
import importlib.util
from typing import Any

from domain.projections import Projection
from store.catalogue import Catalogue
from store.database import Connection
from store.projecting.gate import Check
from store.projecting.generations import Generation


def quality_checks(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], generation: Generation
) -> list[Check]:
    """What the read model's quality suite finds in the generation, each failed expectation a failed check."""
    if importlib.util.find_spec("flows.quality") is None:
        return []
    quality: Any = importlib.import_module("flows.quality")
    findings = quality.check(connection, catalogue, projection, generation)
    if not findings:
        return [Check("quality", True, "No expectation failed.")]
    return [Check("quality", False, str(finding)) for finding in findings]
