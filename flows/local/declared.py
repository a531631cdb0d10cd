"""What is declared: prefect.yaml, the project's own over it, its schedules; by the names that one database has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from acci.flows.local.object_names import OwnNames
from acci.flows.local.own_deployments import laid_over
from acci.flows.local.schedules import scheduled
from acci.store.settings import CHECKOUT, Settings

DATABASE = "acci-database:"  # begins the tag that says which database a deployment belongs to


def read_declared(file: Path = CHECKOUT / "prefect.yaml") -> dict[str, Any]:
    """The deployments, queues, automations and notifications of the file."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def declared(settings: Settings, file: Path | None = None) -> dict[str, Any]:
    """What is to be on the server: the package's, the project's `file` over it, and the schedules of its settings.

    Raises `UnusableDeployments`, `UnknownName`, `WrongSetting`.
    """
    found, own = read_declared(), file or settings.prefect_file
    if own is not None:
        found = laid_over(found, own)
    where = f"[tool.acci] of {settings.project}/pyproject.toml"
    return {**found, "deployments": scheduled(found["deployments"], settings.schedules, where)}


def owned(found: Mapping[str, Any], names: OwnNames, database: UUID) -> dict[str, Any]:
    """The same with the database's own names and tags. Queues keep their names: they belong to a pool."""
    return {
        **found,
        "deployments": [_deployment(each, names, database) for each in found["deployments"]],
        **{
            part: [{**each, "name": names(each["name"])} | _trigger_of(each, names) for each in found[part]]
            for part in ("automations", "notifications")
        },
    }


def flow_of(deployment: Mapping[str, Any]) -> str:
    """The name of its flow: the function's name with hyphens."""
    return str(deployment["entrypoint"]).rpartition(".")[2].replace("_", "-")


def _deployment(deployment: Mapping[str, Any], names: OwnNames, database: UUID) -> dict[str, Any]:
    pool = {**deployment["work_pool"], "name": names.pool}
    variables = pool.get("job_variables", {})
    environment = {**variables.get("env", {}), **({"ACCI_PREFECT_PREFIX": names.prefix} if names.prefix else {})}
    pool["job_variables"] = {**variables, "env": environment}
    own = {
        "name": names(deployment["name"]),
        "tags": [*names.tags(deployment["tags"]), f"{DATABASE}{database}"],
        "work_pool": pool,
    }
    if "triggers" in deployment:
        own["triggers"] = [{**names.trigger(each), "name": names(each["name"])} for each in deployment["triggers"]]
    return {**deployment, **own}


def _trigger_of(automation: Mapping[str, Any], names: OwnNames) -> dict[str, Any]:
    """The trigger of an automation or a notification, with the database's own names."""
    if "trigger" in automation:
        return {"trigger": names.trigger(automation["trigger"])}
    return names.trigger({part: automation[part] for part in ("match", "match_related") if part in automation})
