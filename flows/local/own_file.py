"""What a project's own prefect.yaml may say, as a shape to check it by."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Name = Annotated[str, Field(pattern=r"^[^/%&<>\s]([^/%&<>\n]*[^/%&<>\s])?$")]


class _Schedule(_Part):
    cron: str | None = None
    interval: int | float | None = Field(default=None, gt=0)
    rrule: str | None = None
    timezone: str | None = None
    anchor_date: Any = None
    day_or: bool | None = None
    slug: str | None = Field(default=None, min_length=1)
    active: bool = True
    parameters: dict[str, Any] | None = None
    max_scheduled_runs: int | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "_Schedule":
        if sum(each is not None for each in (self.cron, self.interval, self.rrule)) != 1:
            raise ValueError("it is one of cron, interval, rrule")
        return self


Match = dict[str, Any] | list[dict[str, Any]]


class _Trigger(BaseModel):
    """Prefect knows the rest."""

    match: Match = {}
    match_related: Match = {}


class _DeploymentTrigger(_Trigger):
    name: Name


class _JobVariables(BaseModel):
    env: dict[str, str] = {}


class _WorkPool(_Part):
    name: Literal["acci"] = "acci"
    work_queue_name: str = ""
    job_variables: _JobVariables = _JobVariables()


class _Deployment(_Part):
    name: Name
    entrypoint: str = Field(default="", pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)+$")
    description: str = ""
    tags: list[str] = []
    parameters: dict[str, Any] = {}
    schedules: list[_Schedule] = []
    triggers: list[_DeploymentTrigger] = []
    concurrency_limit: int | dict[str, Any] | None = None
    work_pool: _WorkPool = _WorkPool()
    paused: bool = False
    version: str = ""
    enforce_parameter_schema: bool = True


class _Queue(_Part):
    name: Name
    description: str = ""
    concurrency_limit: int | None = None


class _Automation(BaseModel):
    name: Name
    trigger: _Trigger = _Trigger()
    actions: list[dict[str, Any]] = []


class _Notification(_Trigger):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: Name
    expect: list[str] = []
    subject: str = ""
    body: str = ""


class OwnFile(_Part):
    """All of it. What only Prefect's own command uses (steps that build, push and pull) is refused."""

    name: str | None = None
    prefect_version: str | None = Field(default=None, alias="prefect-version")
    definitions: Any = None
    pull: list[Any] | None = Field(default=None, max_length=0)
    work_queues: list[_Queue] = []
    deployments: list[_Deployment] = []
    automations: list[_Automation] = []
    notifications: list[_Notification] = []
