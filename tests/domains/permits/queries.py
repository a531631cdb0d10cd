"""The questions that the read models of permits answer."""

from datetime import date, datetime
from typing import ClassVar

from pydantic import BaseModel, Field

from acci.domain.queries import OneQuery, Query


class PermitCase(BaseModel):
    tenant_id: str
    id: str
    channel: str
    department: str
    team: str | None
    responsible: str
    deadline: datetime
    status: str
    steps: int
    first_step: str
    first_step_at: datetime
    last_step: str
    last_step_at: datetime


class DaySteps(BaseModel):
    day: date
    handled_by: str
    steps: int
    received: int
    first_at: datetime
    last_at: datetime


class GetPermitCase(OneQuery[PermitCase]):
    """The case with that id, or none."""

    name: ClassVar[str] = "get_permit_case"

    tenant_id: str
    id: str


class ListStepsPerDay(Query[DaySteps]):
    """What each group did, day by day, from `since` on."""

    name: ClassVar[str] = "list_steps_per_day"

    tenant_id: str
    since: date
    limit: int = Field(default=100, ge=1, le=10_000)
