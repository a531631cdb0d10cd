"""`acci watch`: the figures of `acci status`, live, with how fast they change."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.printing import console
from acci.flows.cli.status import log_lines, projections_table, reactions_table

if TYPE_CHECKING:
    from rich.console import Group

    from acci.store.monitoring.status import Status


def watch(interval: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds between two updates.")] = 1.0) -> None:
    """Show what `acci status` does, live, until Ctrl-C."""
    from rich.live import Live

    with Live(console=console(), auto_refresh=False) as screen:
        try:
            for seen in updates(interval):
                screen.update(seen, refresh=True)
        except KeyboardInterrupt:
            return


def updates(interval: float) -> "Iterator[Group]":
    """The screen, redrawn. A lost database is waited for; one that cannot be reached at the start is an error."""
    from rich.console import Group

    from acci.flows.runtime.session import session
    from acci.store.monitoring.status import read_status
    from acci.store.postgres.refusals import first_line, is_transient

    before, began = None, True
    while True:
        try:
            with session("watch", "administer", shared=True) as (connection, catalogue):
                while True:
                    now = (time.monotonic(), read_status(connection, catalogue))
                    yield picture(now, before)
                    before, began = now, False
                    time.sleep(interval)
        except Exception as error:
            if began or not is_transient(error):
                raise
            yield Group(f"The database is gone, trying again: {first_line(error)}")
            time.sleep(interval)


def picture(now: "tuple[float, Status]", before: "tuple[float, Status] | None") -> "Group":
    """The status with the changes a second since the status `before`."""
    from rich.console import Group
    from rich.text import Text

    lines, rates = log_lines(now[1]), {}
    if before is not None and now[0] > before[0]:
        seconds = now[0] - before[0]
        appended = (now[1].high_water.head - before[1].high_water.head) / seconds
        lines[0] += f"   {appended:,.0f} positions/s"
        earlier = {each.projection: each for each in before[1].projections}
        for each in now[1].projections:
            last = earlier[each.projection]
            if each.generation == last.generation:
                rates[each.projection] = rate(each.lag_events, (each.checkpoint - last.checkpoint) / seconds, appended)
    reactions = [reactions_table(now[1])] if now[1].reactions else []
    return Group(*(Text(line) for line in lines), projections_table(now[1], rates), *reactions)


def rate(lag: int, applied: float, appended: float) -> str:
    """Positions applied a second and, if that is faster than appends, how long until it is caught up."""
    gained = applied - appended
    left = f", up to date in {lag / gained:,.0f} s" if lag and gained > 0 else ""
    return f"{applied:,.0f}/s{left}" if applied or lag else ""
