"""`acci worker`: runs flows for a Prefect server, until it is stopped."""

from typing import Annotated

import typer

from acci.flows.cli.announcing import announcing
from acci.flows.cli.stopping import end_as_by_ctrl_c, finish_undisturbed
from acci.store.extras import require
from acci.store.settings import Settings


def worker(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many runs at the same time.")] = 4,
    name: Annotated[
        str | None, typer.Option(help="Its name in the Prefect UI; one that is made up if not given.")
    ] = None,
) -> None:
    """Run flows for a Prefect server.

    Until Ctrl-C or SIGTERM. It is a Prefect worker for the pool that `acci deploy` makes, with ACCI's settings. When it
    ends, its runs end with it: they report that, and what they had not committed is undone. Start as many as you like,
    on any machines.
    """
    require("flows")
    from acci.flows.cli.deploy import NoPrefectServer
    from acci.flows.local.instance import prefect_access
    from acci.flows.local.worker import Worker
    from acci.flows.runtime.project import registered

    settings = Settings.from_environment()
    say = announcing(settings)
    registered(settings)  # a misspelt context is refused here, not in each run
    access = prefect_access(settings)
    if access is None:
        raise NoPrefectServer
    end_as_by_ctrl_c()
    started = Worker(settings, access, limit, name)
    try:
        code = started.wait()
    except KeyboardInterrupt:
        finish_undisturbed()
        started.stop()
        say("Ended.")
    else:
        raise typer.Exit(code)
