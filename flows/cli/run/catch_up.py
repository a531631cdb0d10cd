"""`acci run catch-up`: read models brought to the high-water mark."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def catch_up(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all",
    batch_size: Annotated[
        int, typer.Option(min=0, max=5_000_000, help="Positions in one transaction; 0: as suits the read model.")
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Bring read models to the high-water mark."""
    run_flow("acci.flows.catch_up:catch_up", projection, {"projection": projection, "batch_size": batch_size}, json)
