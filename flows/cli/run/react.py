"""`acci run react`: what follows from new events, decided and delivered."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def react(
    reaction: Annotated[str, typer.Argument(help="A reaction's name, several separated by commas, or all.")] = "all",
    seconds: Annotated[
        int, typer.Option(min=0, max=86_400, help="How long to go on; 0: until nothing is left that is due.")
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Decide on new events, fire timers, and deliver."""
    from acci.flows.runtime.reacting import reaction_names

    reaction_names(reaction)  # refused at once, before Prefect starts
    run_flow("acci.flows.react:react", "all", {"reaction": reaction, "seconds": seconds}, json)
