"""`acci run`: the flows that the deployments run, here and now."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run import audits, backfill, maintenance, rebuild_plan
from acci.flows.cli.run.flow_runs import check_wanted, run_flow

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.command("backfill")(backfill.backfill)
app.command("audit")(audits.audit)
app.command("repair")(audits.repair)
app.command("check-quality")(audits.check_quality)
app.command("seal")(audits.seal)
app.command("check-health")(maintenance.check_health)
app.command("housekeeping")(maintenance.housekeeping)
app.command("retry-dead-letters")(maintenance.retry_dead_letters)
app.command("compact-snapshots")(audits.compact_snapshots)


@app.command("catch-up")
def catch_up(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all",
    batch_size: Annotated[
        int, typer.Option(min=0, max=5_000_000, help="Positions in one transaction; 0: as suits the read model.")
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Bring read models to the high-water mark."""

    def load() -> Callable[..., Any]:
        from acci.flows.catch_up import catch_up as flow

        return flow

    run_flow(load, projection, {"projection": projection, "batch_size": batch_size}, json)


@app.command("rebuild")
def rebuild(
    projection: Annotated[str, typer.Argument(help="A projection's name, several separated by commas, all, or stale.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
    partitions: Annotated[
        int, typer.Option(min=0, max=64, help="Shares of the keys built at the same time; 0: one a core.")
    ] = 0,
    allow_dead_letters: Annotated[
        bool, typer.Option("--allow-dead-letters", help="Publish even if some events could not be applied.")
    ] = False,
    changes_allowed: Annotated[
        int, typer.Option(min=0, max=100, help="Per cent of the live rows that may go or change.")
    ] = 10,
    keep: Annotated[int, typer.Option(min=0, max=100, help="Old generations kept for a rollback.")] = 1,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over; throw away what an interrupted one left.")
    ] = False,
    allow_older_rules: Annotated[
        bool, typer.Option("--allow-older-rules", help="Build even if the live rows were made by newer rules.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Build read models anew, check, swap them in.

    Beside the live ones, which readers see until then.
    """
    if dry_run:
        check_wanted(projection)
        rebuild_plan.show(projection, partitions, json)
        return

    def load() -> Callable[..., Any]:
        from acci.flows.rebuild import rebuild as flow

        return flow

    parameters = {
        "projection": projection,
        "partitions": partitions,
        "allow_dead_letters": allow_dead_letters,
        "changes_allowed": changes_allowed,
        "keep": keep,
        "fresh": fresh,
        "allow_older_rules": allow_older_rules,
    }
    run_flow(load, projection, parameters, json)


@app.command("rollback")
def rollback(
    projection: Annotated[str, typer.Argument(help="A projection's name.")],
    generation: Annotated[
        int, typer.Option(min=0, max=BIGINT, help="The number of the kept generation; 0: the newest.")
    ] = 0,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Do not catch it up: for when the rules it was made by are gone.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Put it back even if its rows are not what its events give.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Put an old generation back before readers."""

    def load() -> Callable[..., Any]:
        from acci.flows.rollback import rollback as flow

        return flow

    parameters = {
        "projection": projection,
        "generation": generation,
        "as_it_was": as_it_was,
        "unchecked": unchecked,
    }
    run_flow(load, projection, parameters, json)
