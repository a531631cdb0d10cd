"""`acci run rebuild`: builds new generations beside the live ones, checks them, swaps them in."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run import rebuild_plan
from acci.flows.cli.run.flow_runs import check_wanted, run_flow


def rebuild(
    projection: Annotated[str, typer.Argument(help="A projection's name, several separated by commas, all, or stale.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
    partitions: Annotated[
        int, typer.Option(min=0, max=64, help="Partitions built at the same time; 0: one a core.")
    ] = 0,
    allow_dead_letters: Annotated[
        bool, typer.Option("--allow-dead-letters", help="Publish even if some events could not be applied.")
    ] = False,
    changes_allowed: Annotated[
        int, typer.Option(min=0, max=100, help="Percentage of the live rows that may be removed or changed.")
    ] = 10,
    keep: Annotated[int, typer.Option(min=0, max=100, help="Old generations kept for a rollback.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; discard what an interrupted one left.")] = False,
    allow_older_rules: Annotated[
        bool, typer.Option("--allow-older-rules", help="Build even if the live rows were made by newer rules.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Rebuild read models, check them, swap them in.

    They are built beside the live ones, which readers see until then.
    """
    if dry_run:
        check_wanted(projection)
        rebuild_plan.show(projection, partitions, json)
        return

    parameters = {
        "projection": projection,
        "partitions": partitions,
        "allow_dead_letters": allow_dead_letters,
        "changes_allowed": changes_allowed,
        "keep": keep,
        "fresh": fresh,
        "allow_older_rules": allow_older_rules,
    }
    run_flow("acci.flows.rebuild:rebuild", projection, parameters, json)
