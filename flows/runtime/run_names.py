"""What runs are called: the projection, and the part of the log or of its rows that the run is about."""

from typing import Any

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run


def of_audit() -> str:
    """What an audit looks at."""
    asked = flow_run.parameters
    sample = "whole" if asked["one_in"] == 1 else f"one key in {asked['one_in']}"
    return ", ".join([f"audit {asked['projection']}", *asked["checks"], *_part(asked), sample])


def of_backfill() -> str:
    """Which rows a backfill derives anew."""
    asked = flow_run.parameters
    parts = [*asked["event_types"], *_part(asked), *(f"new column {name}" for name in asked["new_columns"])]
    parts += [f"after position {asked['after_position']:,}"] if asked["after_position"] else []
    parts += [f"up to position {asked['up_to_position']:,}"] if asked["up_to_position"] else []
    return ", ".join([f"backfill {asked['projection']}", *parts, *_dry(asked)])


def of_rebuild() -> str:
    """What a rebuild builds; where it ended is known when it has."""
    asked = flow_run.parameters
    return ", ".join([f"rebuild {asked['projection']}", *_dry(asked)])


def _part(asked: dict[str, Any]) -> list[str]:
    tenants = asked["tenants"] if "tenants" in asked else [asked["tenant"]]
    parts = [f"tenant {tenant}" for tenant in tenants if tenant]
    parts += [f"{len(asked['keys'])} keys"] if asked["keys"] else []
    return parts + [f"{word} {asked[word]}" for word in ("since", "until") if asked.get(word)]


def _dry(asked: dict[str, Any]) -> list[str]:
    return ["dry run"] if asked["dry_run"] else []


def add_to_name(what: str) -> None:
    """Afterwards this run's name ends with what is only known now, such as the positions that it applied.

    Its name is worth no failure: where the server does not take it, it stays as it was, and the log says so.
    """
    if flow_run.id is None:
        return
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, name=f"{flow_run.name}, {what}")
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("The run keeps its name, %s: %s", flow_run.name, error)
