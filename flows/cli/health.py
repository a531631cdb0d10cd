"""`acci health`: whether everything is as it should be, with an exit code for monitoring."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bounds import BIGINT, MAX_WAIT
from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.store.settings import Settings

if TYPE_CHECKING:
    from acci.store.monitoring.health import Health

UNHEALTHY, UNREACHABLE = 1, 3


def health(
    mark_seconds: Annotated[
        float, typer.Option(min=0, max=MAX_WAIT, help="How long the high-water mark may stand still.")
    ] = 300,
    lag_seconds: Annotated[
        float, typer.Option(min=0, max=MAX_WAIT, help="How long an event may wait to be applied.")
    ] = 600,
    lag_events: Annotated[
        int, typer.Option(min=0, max=BIGINT, help="How many events may wait to be applied.")
    ] = 1_000_000,
    audit_hours: Annotated[
        float, typer.Option(min=0, max=MAX_WAIT, help="How long ago the last full audit may be.")
    ] = 26,
    dead_letters: Annotated[int, typer.Option(min=0, max=BIGINT, help="How many dead letters there may be.")] = 0,
    quiet_seconds: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=MAX_WAIT,
            envvar="ACCI_QUIET_SECONDS",
            show_envvar=True,
            help="Unhealthy if no event was appended for this long; no limit if not given.",
        ),
    ] = None,
    undelivered_seconds: Annotated[
        float, typer.Option(min=0, max=MAX_WAIT, help="How long what a reaction decided may wait to be delivered.")
    ] = 600,
    json: JsonFlag = False,
) -> None:
    """Say whether everything is as it should be. Nothing is changed.

    Exit code 0: healthy. 1: something is not, and the sentence says what to do. 3: the database cannot be reached.
    """
    from acci.flows.runtime.session import catalogue
    from acci.store.monitoring.checks.check import Bounds
    from acci.store.monitoring.health import examine

    bounds = Bounds(
        mark_seconds, lag_seconds, lag_events, audit_hours, dead_letters, quiet_seconds, undelivered_seconds
    )
    found = examine(Settings.from_environment(), catalogue(), bounds)
    if json:
        print_json({"healthy": found.healthy, "checks": [asdict(check) for check in found.checks]})
    else:
        _show(found)
    if not found.healthy:
        raise typer.Exit(UNHEALTHY if found.reached else UNREACHABLE)


def _show(found: "Health") -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for check in found.checks:
        table.add_row("[green]well[/]" if check.healthy else "[bold red]NOT WELL[/]", check.name, cell(check.said))
    console().print(table)
