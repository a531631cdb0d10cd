"""Commands: a request to change one aggregate, and who sends it."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict


class CommandData(BaseModel):
    """The typed content of a command; the class name is its name.

    `aggregate_id_field` names the field with the id of the aggregate that decides on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    aggregate_id_field: ClassVar[str]

    @property
    def aggregate_id(self) -> str:
        return str(getattr(self, self.aggregate_id_field))


class CommandMetadata(BaseModel):
    """Who sends a command, for which tenant, as part of which request, and when (with a time zone)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str
    correlation_id: str
    tenant_id: str
    timestamp: AwareDatetime


C = TypeVar("C", bound=CommandData, covariant=True)


@dataclass(frozen=True, slots=True)
class Command(Generic[C]):
    """A command: `id` is its idempotency key, so it is handled once, however often it is sent."""

    id: UUID
    data: C
    metadata: CommandMetadata
