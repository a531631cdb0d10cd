"""`acci run housekeeping`: old generations and old records removed."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def housekeeping(
    keep: Annotated[int, typer.Option(min=0, max=100, help="Old generations kept of each read model.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How long records stay after they ended.")] = 90,
    json: JsonFlag = False,
) -> None:
    """Remove old generations and old records.

    Records of what ended long ago; never an event.
    """
    run_flow("acci.flows.housekeeping:housekeeping", "all", {"keep": keep, "days": days}, json)
