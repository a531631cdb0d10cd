"""The commands of `acci run`: the flows that the deployments run, here and now."""

import typer

from acci.flows.cli.run import (
    audit,
    backfill,
    catch_up,
    check_health,
    check_quality,
    compact_snapshots,
    housekeeping,
    react,
    rebuild,
    repair,
    retry_dead_letters,
    rollback,
    seal,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.command("catch-up")(catch_up.catch_up)
app.command("react")(react.react)
app.command("rebuild")(rebuild.rebuild)
app.command("rollback")(rollback.rollback)
app.command("backfill")(backfill.backfill)
app.command("audit")(audit.audit)
app.command("repair")(repair.repair)
app.command("check-quality")(check_quality.check_quality)
app.command("check-health")(check_health.check_health)
app.command("seal")(seal.seal)
app.command("compact-snapshots")(compact_snapshots.compact_snapshots)
app.command("retry-dead-letters")(retry_dead_letters.retry_dead_letters)
app.command("housekeeping")(housekeeping.housekeeping)
