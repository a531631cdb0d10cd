"""`acci run compact-snapshots`: due snapshots taken, superseded ones dropped."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def compact_snapshots(
    aggregate: Annotated[str, typer.Argument(help="An aggregate's name, or all that have snapshots.")] = "all",
    keep: Annotated[int, typer.Option(min=1, max=1000, help="Snapshots kept of each stream.")] = 1,
    sample: Annotated[int, typer.Option(min=0, max=100_000, help="Streams to check by replay.")] = 100,
    json: JsonFlag = False,
) -> None:
    """Take due snapshots, drop superseded ones."""
    run_flow(
        "acci.flows.compact_snapshots:compact_snapshots",
        "all",
        {"aggregate": aggregate, "keep": keep, "sample": sample},
        json,
    )
