"""Run names: the projection, and the part of the log or of its rows that the run works on."""

from typing import Any

from acci.store.extras import needs

with needs("flows"):
    import httpx
    from prefect import get_run_logger
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException
    from prefect.runtime import flow_run


def audit_run_name() -> str:
    """The name of an audit run: what it checks."""
    asked = flow_run.parameters
    sample = "whole" if asked["one_in"] == 1 else f"one key in {asked['one_in']}"
    return ", ".join([f"audit {asked['projection']}", *asked["checks"], *_part(asked), sample])


def backfill_run_name() -> str:
    """The name of a backfill run: which rows it re-derives."""
    asked = flow_run.parameters
    parts = [*asked["event_types"], *_part(asked), *(f"new column {name}" for name in asked["new_columns"])]
    parts += [f"after position {asked['after_position']:,}"] if asked["after_position"] else []
    parts += [f"up to position {asked['up_to_position']:,}"] if asked["up_to_position"] else []
    return ", ".join([f"backfill {asked['projection']}", *parts, *_dry(asked)])


def rebuild_run_name() -> str:
    """The name of a rebuild run: what it builds; the position is added at its end."""
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
    """Append to this run's name what is known only now, such as the positions that it applied.

    If the server refuses the name, the run goes on under its old one, and the log says so.
    """
    if flow_run.id is None:
        return
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, name=f"{flow_run.name}, {what}")
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("The run keeps its name, %s: %s", flow_run.name, error)
