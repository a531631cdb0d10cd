"""`acci run check-health`, `housekeeping`, `retry-dead-letters`: what keeps everything as it should be."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def check_health(json: JsonFlag = False) -> None:
    """Look whether all is well, and note the lag.

    The lag's curve is made of such looks. For scripts: acci health.
    """

    def load() -> Callable[..., Any]:
        from acci.flows.check_health import check_health as flow

        return flow

    run_flow(load, "all", {}, json)


def housekeeping(
    keep: Annotated[int, typer.Option(min=0, max=100, help="Old generations kept of each read model.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How long records stay after they ended.")] = 90,
    json: JsonFlag = False,
) -> None:
    """Remove old generations and old records.

    Records of what ended long ago; never an event.
    """

    def load() -> Callable[..., Any]:
        from acci.flows.housekeeping import housekeeping as flow

        return flow

    run_flow(load, "all", {"keep": keep, "days": days}, json)


def retry_dead_letters(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all", json: JsonFlag = False
) -> None:
    """Derive parked keys anew, and release them.

    Those whose events can be applied now: they wait behind dead letters.
    """

    def load() -> Callable[..., Any]:
        from acci.flows.retry_dead_letters import retry_dead_letters as flow

        return flow

    run_flow(load, projection, {"projection": projection}, json)
