"""`acci run check-quality`: read models against their quality suites."""

from pathlib import Path
from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def check_quality(
    projection: Annotated[
        str, typer.Argument(help="A projection's name, several separated by commas, or all.")
    ] = "all",
    html: Annotated[Path | None, typer.Option(help="Write a report for people into this file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Check read models against their quality suites."""
    run_flow(
        "acci.flows.check_quality:check_quality",
        projection,
        {"projection": projection, "report_file": "" if html is None else str(html)},
        json,
    )
