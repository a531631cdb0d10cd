"""`acci run rollback`: an old generation put back before readers."""

from typing import Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def rollback(
    projection: Annotated[str, typer.Argument(help="A projection's name.")],
    generation: Annotated[
        int, typer.Option(min=0, max=BIGINT, help="The number of the kept generation; 0: the newest.")
    ] = 0,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Do not catch it up: for when the rules that made it no longer exist.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Put it back even if its rows differ from what its events produce.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Put an old generation back before readers."""
    parameters = {
        "projection": projection,
        "generation": generation,
        "as_it_was": as_it_was,
        "unchecked": unchecked,
    }
    run_flow("acci.flows.rollback:rollback", projection, parameters, json)
