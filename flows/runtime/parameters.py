"""What the UI's forms offer: the names registered when the deployments were applied, and examples.

Prefect validates a run's parameters against this schema before the run starts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from acci.flows.runtime.session import catalogue
from acci.store.registry import Catalogue


@dataclass(frozen=True)
class Choices:
    """A choice among `names` of the catalogue and a few other words; looked up only when a form is made.

    The flow checks what the command line passes, which may be several names, separated by commas.
    """

    names: Callable[[Catalogue], Iterable[str]]
    others: tuple[str, ...] = ()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "enum": [*self.others, *sorted(self.names(catalogue()))]}


def _projections(catalogue: Catalogue) -> Iterable[str]:
    return catalogue.projections


def _checks(catalogue: Catalogue) -> Iterable[str]:
    from acci.store.auditing.audit import all_checks

    return all_checks(catalogue)


def _snapshotted(catalogue: Catalogue) -> Iterable[str]:
    return (name for name, aggregate in catalogue.aggregates.items() if aggregate.snapshot_every)


TIMESTAMP_PATTERN = r"^$|^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$"

OneProjection = Annotated[str, Choices(_projections)]
AllOrOne = Annotated[str, Choices(_projections, ("all",))]
AllOrOneReaction = Annotated[str, Choices(lambda catalogue: catalogue.reactions, ("all",))]
AllStaleOrOne = Annotated[str, Choices(_projections, ("all", "stale"))]
CheckName = Annotated[str, Choices(_checks)]
EventType = Annotated[str, Choices(lambda catalogue: catalogue.events)]
AllOrOneAggregate = Annotated[str, Choices(_snapshotted, ("all",))]
Tenant = Annotated[str, Field(examples=["acme"], max_length=1000)]
KeyOfRow = Annotated[list[str], Field(examples=[["acme", "user-1"]], min_length=1)]
Timestamp = Annotated[str, Field(examples=["2026-01-31T00:00:00Z"], json_schema_extra={"pattern": TIMESTAMP_PATTERN})]
