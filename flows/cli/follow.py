"""`acci follow`: keeps read models within a second of the log while it runs."""

from typing import Annotated

import typer

from acci.flows.cli.announcing import announcing
from acci.flows.cli.stopping import end_as_by_ctrl_c
from acci.store.settings import Settings


def follow(
    projection: Annotated[
        str, typer.Argument(help="A projection's name, several separated by commas, or all.")
    ] = "all",
    interval: Annotated[float, typer.Option(min=0.01, max=60, help="Seconds between two polls of the log.")] = 0.1,
) -> None:
    """Keep read models up to date until Ctrl-C.

    Goes on when a rebuild swaps or the database restarts.
    """
    from acci.flows.runtime.session import direct, keys, projection_names, session, tracing
    from acci.store.projecting.following import follow as follow_log

    say = announcing(Settings.from_environment())
    names = projection_names(projection)
    url, catalogue = direct()
    with session("probe"):
        pass  # fails now if the database cannot be reached; later outages are waited for
    end_as_by_ctrl_c()
    try:
        say(f"Following the log for {', '.join(names)}; Ctrl-C ends it.")
        follow_log(
            url,
            catalogue,
            names,
            interval,
            lambda: False,
            lambda name, what: say(f"{name}: {what}"),
            keys(),
            tracing(),
        )
    except KeyboardInterrupt:
        say("Ended.")
