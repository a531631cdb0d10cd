"""What prefect.yaml declares, as one database's: its objects by the names that they have on a Prefect server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from acci.flows.local.object_names import OwnNames
from acci.store.settings import CHECKOUT

DATABASE = "acci-database:"  # begins the tag that says which database a deployment belongs to


def in_file(file: Path = CHECKOUT / "prefect.yaml") -> dict[str, Any]:
    """What is declared there."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def owned(found: Mapping[str, Any], names: OwnNames, database: UUID) -> dict[str, Any]:
    """The same as the database's, by its names. Queues keep theirs: they lie in a pool."""
    return {
        **found,
        "deployments": [_deployment(each, names, database) for each in found["deployments"]],
        **{
            part: [{**each, "name": names(each["name"])} | _watching(each, names) for each in found[part]]
            for part in ("automations", "notifications")
        },
    }


def flow_of(deployment: Mapping[str, Any]) -> str:
    """The name of its flow: that of the function, as names are spelt."""
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


def _watching(automation: Mapping[str, Any], names: OwnNames) -> dict[str, Any]:
    """What an automation, or a notification, is set off by."""
    if "trigger" in automation:
        return {"trigger": names.trigger(automation["trigger"])}
    return names.trigger({part: automation[part] for part in ("match", "match_related") if part in automation})
