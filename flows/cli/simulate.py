"""`acci simulate`: a made-up history, or commands sent at a steady rate."""

from collections.abc import Callable
from datetime import datetime
from math import isfinite
from typing import Annotated

import typer

from acci.flows.cli.bars import Advance, bar
from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, console, print_json


def _finite(value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise typer.BadParameter("it has to be a number.")
    return value


def _recent(value: datetime | None) -> datetime | None:
    if value is not None and value.year < 1900:
        raise typer.BadParameter("it has to be in 1900 or later.")
    return value


def simulate(
    events: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="How many events to append.")] = 100_000,
    writers: Annotated[int, typer.Option(min=1, max=64, help="How many write at the same time.")] = 4,
    tenants: Annotated[int, typer.Option(min=1, max=10_000, help="How many tenants; the first is the largest.")] = 20,
    seed: Annotated[
        int, typer.Option(min=-BIGINT, max=BIGINT, help="The same seed on the same log gives the same history.")
    ] = 0,
    days: Annotated[
        float, typer.Option(min=0.001, max=36_500, callback=_finite, help="The length of the history.")
    ] = 365.0,
    until: Annotated[
        datetime | None, typer.Option(callback=_recent, help="When it ends, in UTC; now if not given.")
    ] = None,
    live: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=100_000, callback=_finite, help="Instead, send real commands now, this many a second."
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=10_000_000, callback=_finite, help="With --live: for how long.")
    ] = 60.0,
    context: Annotated[str | None, typer.Option(help="Which domain's simulation, if there are several.")] = None,
    json: JsonFlag = False,
) -> None:
    """Append a realistic made-up history, to try things out. Never in a production log."""
    from dataclasses import asdict
    from datetime import UTC

    from acci.flows.runtime.session import direct, keys, tracing
    from acci.store.settings import Settings
    from acci.store.testing import simulation as simulating

    url, catalogue = direct()
    simulation = simulating.simulation_of(catalogue, context)
    if live is None:
        with bar("appending", events) as show:
            done = simulating.simulate(
                url, simulation, events=events, writers=writers, tenants=tenants, seed=seed, days=days,
                end=until and until.replace(tzinfo=UTC), progress=_counting(show, "appending"),
                keys=keys(),
            )  # fmt: skip
    else:
        with bar("sending", int(live * seconds)) as show:
            done = simulating.simulate_live(
                url, catalogue, simulation, rate=live, seconds=seconds, writers=writers, tenants=tenants, seed=seed,
                progress=_counting(show, "sending"), keys=keys(),
                limits=Settings.from_environment().limits, tracing=tracing(),
            )  # fmt: skip
    if json:
        print_json(asdict(done))
        return
    refused = f", {done.refused:,} commands refused" if done.refused else ""
    rate = done.events / max(done.seconds, 0.001)
    console().print(f"{done.events:,} events in {done.seconds:.1f} s ({rate:,.0f}/s){refused}.")


def _counting(advance: Advance, doing: str) -> Callable[[int], None]:
    """Adds up counts, and advances the bar to their sum."""
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        advance(done, doing)

    return add
