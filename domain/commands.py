"""Commands: a wish to change one aggregate, and who wishes it."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict


class CommandData(BaseModel):
    """The typed content of a command; the class name is its name.

    `aggregate_id_field` names the field that holds the id of the aggregate it is meant for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    aggregate_id_field: ClassVar[str]

    @property
    def aggregate_id(self) -> str:
        return str(getattr(self, self.aggregate_id_field))


class CommandMetadata(BaseModel):
    """Who sends a command, for which tenant, as part of what, and when (with a zone)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str
    correlation_id: str
    tenant_id: str
    timestamp: AwareDatetime


C = TypeVar("C", bound=CommandData, covariant=True)


@dataclass(frozen=True, slots=True)
class Command(Generic[C]):
    """A command: handled once for its `id`, however often it is sent."""

    id: UUID
    data: C
    metadata: CommandMetadata
