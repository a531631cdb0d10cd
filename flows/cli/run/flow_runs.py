"""Running a flow in this process, for the commands of `acci run`."""

import os
from importlib import import_module
from typing import Any

import typer

from acci.domain.errors import AcciError
from acci.flows.cli.printing import console, passage, print_json
from acci.store.extras import require
from acci.store.settings import Settings


def run_flow(entrypoint: str, projection: str, parameters: dict[str, Any], json: bool) -> None:
    """Run the flow at `entrypoint`, "module:name", in this process; exit code 1 unless it completed.

    The Prefect server, if there is one, sees the run.
    """
    require("flows")
    check_wanted(projection)
    _join_prefect()
    module, _, name = entrypoint.partition(":")
    flow = getattr(import_module(module), name)  # imported late: Prefect takes three seconds
    state = flow(**parameters, return_state=True)
    error = state.result(raise_on_failure=False)
    if json:
        print_json({"state": state.name, "completed": state.is_completed(), "message": state.message})
    elif not isinstance(error, AcciError):
        console().print(passage(f"{state.name}: {state.message}"), markup=False)
    if isinstance(error, AcciError) and not json:
        raise error
    if not state.is_completed():
        raise typer.Exit(1)


def check_wanted(projection: str) -> None:
    """Refuse at once what the flow would refuse after Prefect's three seconds of start-up."""
    from acci.flows.runtime.session import catalogue, session
    from acci.store.postgres.migrations import require_migrated

    registered = catalogue()
    if projection not in ("all", "stale"):
        for name in projection.split(","):
            registered.projection(name.strip())
    with session("probe") as (connection, _):
        require_migrated(connection)


def _join_prefect() -> None:
    """Use the server in PREFECT_API_URL, or that of the running `acci up`; else Prefect starts one for this run."""
    from acci.flows.local.environment import NO_TELEMETRY
    from acci.flows.local.instance import prefect_access
    from acci.flows.local.prefect_api import require_usable
    from acci.flows.local.server_protection import closed_to_others
    from acci.flows.runtime import logs

    settings = Settings.from_environment()
    access = prefect_access(settings)
    if access is not None:
        require_usable(access)
        access.put_into(os.environ)
    else:
        os.environ |= closed_to_others()
    home = settings.home / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    wanted = NO_TELEMETRY | logs.variables(settings) | {"PREFECT_HOME": str(home)}
    wanted |= {} if access else {"PREFECT_SERVER_EPHEMERAL_ENABLED": "true"}
    # The first start makes the server's tables, which takes longer than the 20 s that Prefect would wait.
    wanted |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180"}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
