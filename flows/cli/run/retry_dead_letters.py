"""`acci run retry-dead-letters`: parked keys re-derived and released."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def retry_dead_letters(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all", json: JsonFlag = False
) -> None:
    """Re-derive parked keys, and release them.

    Those whose events can be applied now: they wait behind dead letters.
    """
    run_flow("acci.flows.retry_dead_letters:retry_dead_letters", projection, {"projection": projection}, json)
