"""`acci react`: keeps reactions at the log, and delivers what they decided, while it runs."""

from typing import Annotated

import typer

from acci.flows.cli.printing import cell, console
from acci.flows.cli.stopping import end_as_by_ctrl_c


def react(
    reaction: Annotated[str, typer.Argument(help="A reaction's name, several separated by commas, or all.")] = "all",
    interval: Annotated[float, typer.Option(min=0.01, max=60, help="Seconds between two polls of the log.")] = 0.1,
) -> None:
    """Keep reactions at the log, and deliver, until Ctrl-C.

    What is being sent is finished first. Several may run: each event is decided once, each effect is one's at a time.
    """
    from acci.flows.runtime.reacting import keep_reacting, reaction_names
    from acci.flows.runtime.session import session

    names = reaction_names(reaction)
    with session("probe"):
        pass  # fails now if the database cannot be reached; later outages are waited for
    out = console(stderr=True)
    if not names:
        out.print("No registered context has a reaction: there is nothing to do.")
        return
    end_as_by_ctrl_c()
    try:
        out.print(f"Reacting: {', '.join(names)}; Ctrl-C ends it.")
        keep_reacting(names, interval, lambda: False, lambda name, what: out.print(cell(f"{name}: {what}")))
    except KeyboardInterrupt:
        out.print("Ended.")
