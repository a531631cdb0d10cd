"""`acci simulate`: a made-up history, or commands sent at a steady rate."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer

from flows.cli.printing import JsonFlag, console, print_json
from store.settings import Settings


def simulate(
    events: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="How many events to append.")] = 100_000,
    writers: Annotated[int, typer.Option(min=1, max=64, help="How many write at the same time.")] = 4,
    tenants: Annotated[
        int, typer.Option(min=1, max=10_000, help="Among how many tenants; the first is the largest.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="The same seed on the same log gives the same history.")] = 0,
    days: Annotated[float, typer.Option(min=0.001, max=36_500, help="How long the history is.")] = 365.0,
    until: Annotated[datetime | None, typer.Option(help="When it ends, in UTC; now if not given.")] = None,
    live: Annotated[
        float | None,
        typer.Option(min=0.01, max=100_000, help="Send real commands instead, this many a second, as of now."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="With --live: for how long.")] = 60.0,
    context: Annotated[str | None, typer.Option(help="Which domain's simulation, if there are several.")] = None,
    json: JsonFlag = False,
) -> None:
    """Make up a realistic history, to try things out with. Never do this to a log that matters."""
    from dataclasses import asdict
    from datetime import UTC

    from store import simulating
    from store.catalogue import load
    from store.embedded import database_url

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    simulation = simulating.simulation_of(catalogue, context)
    url = database_url(settings)
    if live is None:
        with _bar("events", events) as progress:
            done = simulating.simulate(
                url, simulation, events=events, writers=writers, tenants=tenants, seed=seed, days=days,
                end=until and until.replace(tzinfo=UTC), progress=progress,
            )  # fmt: skip
    else:
        with _bar("commands", int(live * seconds)) as progress:
            done = simulating.simulate_live(
                url, catalogue, simulation, rate=live, seconds=seconds, writers=writers, tenants=tenants, seed=seed,
                progress=progress,
            )  # fmt: skip
    if json:
        print_json(asdict(done))
        return
    refused = f", {done.refused:,} commands refused" if done.refused else ""
    rate = done.events / max(done.seconds, 0.001)
    console().print(f"{done.events:,} events in {done.seconds:.1f} s ({rate:,.0f}/s){refused}.")


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """How many have been made, on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
