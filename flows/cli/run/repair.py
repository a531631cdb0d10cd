"""`acci run repair`: what findings name, re-derived and audited again."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def repair(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all",
    trust_log: Annotated[
        bool, typer.Option("--trust-log", help="Also re-derive what depends on events that were changed by hand.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Re-derive what findings name, and audit it.

    Only open findings; events are never changed. For chosen keys instead: acci run audit PROJECTION --repair
    --key '["t1", "ann"]'.
    """
    run_flow("acci.flows.repair:repair", projection, {"projection": projection, "trust_log": trust_log}, json)
