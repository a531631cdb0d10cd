"""`acci follow`: read models within a second of the log, as long as it runs."""

from typing import Annotated

import typer

from acci.flows.cli.printing import cell, console
from acci.store.settings import Settings


def follow(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all",
    interval: Annotated[float, typer.Option(min=0.01, max=60, help="Seconds between two looks at the log.")] = 0.1,
) -> None:
    """Keep read models up to date until Ctrl-C.

    Goes on when a rebuild swaps or the database restarts.
    """
    from acci.store.database_url import direct_url
    from acci.store.encryption.configured import key_store
    from acci.store.postgres.database import connect
    from acci.store.projecting.following import follow as follow_log
    from acci.store.registry import load

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    names = sorted(catalogue.projections) if projection == "all" else [catalogue.projection(projection).name]
    url = direct_url(settings)
    connect(url, "probe", "project").close()
    out = console(stderr=True)
    out.print(f"Following the log for {', '.join(names)}; Ctrl-C ends it.")
    try:
        follow_log(
            url,
            catalogue,
            names,
            interval,
            lambda: False,
            lambda name, what: out.print(cell(f"{name}: {what}")),
            key_store(settings),
        )
    except KeyboardInterrupt:
        out.print("Ended.")
