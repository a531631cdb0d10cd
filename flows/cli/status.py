"""`acci status`: where the log, the read models and the reactions stand."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.printing import JsonFlag, console, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from acci.store.monitoring.reactions import ReactionStatus
    from acci.store.monitoring.status import ProjectionStatus, Status


def status(
    tenant: Annotated[str | None, typer.Option(help="Count the lag in this tenant's events only.")] = None,
    json: JsonFlag = False,
) -> None:
    """Show where the log, projections and reactions stand."""
    from acci.flows.runtime.session import lag_of_replica, session
    from acci.store.monitoring.status import read_status

    with session("status", "administer", shared=True) as (connection, catalogue):
        now = replace(read_status(connection, catalogue, tenant), replica=lag_of_replica())
    if json:
        print_json(asdict(now))
    else:
        _show(now)


def _show(now: "Status") -> None:
    out = console()
    for line in log_lines(now):
        out.print(line, markup=False)
    out.print(projections_table(now))
    for each in now.projections:
        if each.remedy:
            out.print(f"{each.projection} is not kept up to date ({each.state}): run `{each.remedy}`.", markup=False)
    if now.reactions:
        out.print(reactions_table(now))
    for reaction in now.reactions:
        if reaction.remedy:
            out.print(f"{reaction.reaction} {_why(reaction)}: run `{reaction.remedy}`.", markup=False)


def log_lines(now: "Status") -> list[str]:
    """The log's head, the high-water mark and its holders, and the replica."""
    mark = now.high_water
    lines = [f"head {mark.head:,}   high-water mark {mark.position:,}"]
    for holder in mark.holders:
        process = "" if holder.pid is None else f", process {holder.pid}"
        lines.append(f"  held by {holder.who}{process}, {holder.state}, appending since {holder.since}")
    return lines if now.replica is None else [*lines, str(now.replica)]


def projections_table(now: "Status", rates: Mapping[str, str] | None = None) -> "Table":
    """A line for each projection, with its entry in `rates` in a column of its own."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    heads = ("projection", "state", "generation", "checkpoint", "lag", "dead letters")
    table = Table(*heads, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    if rates is not None:
        table.add_column("rate")
    for each in now.projections:
        table.add_row(
            each.projection,
            f"{each.state}, {each.backfill}" if each.backfill else each.state,
            _generation(each),
            f"{each.checkpoint:,}",
            f"{_events(each)} events, {each.lag_seconds:,.1f} s",
            f"{each.dead_letters:,}",
            *(() if rates is None else (rates.get(each.projection, ""),)),
        )
    return table


def reactions_table(now: "Status") -> "Table":
    """A line for each reaction."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    heads = ("reaction", "state", "checkpoint", "lag", "to deliver", "timers", "dead letters")
    table = Table(*heads, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for each in now.reactions:
        age = f", {each.undelivered_seconds:,.1f} s" if each.undelivered_seconds else ""
        due = f", {each.timers_due:,} due" if each.timers_due else ""
        parked = f", {each.parked_keys:,} keys parked" if each.parked_keys else ""
        table.add_row(
            each.reaction,
            f"{each.state}, rewind {each.rewind}" if each.rewind else each.state,
            f"{each.checkpoint:,}",
            f"{_events(each)} events, {each.lag_seconds:,.1f} s",
            f"{each.pending:,}{age}",
            f"{each.timers + each.timers_due:,}{due}",
            f"{each.dead_letters:,}{parked}",
        )
    return table


def _why(each: "ReactionStatus") -> str:
    """What keeps it from running."""
    if each.paused_at is None:
        return f"does not run ({each.state})"
    return (
        f"is paused by {each.paused_by} since {each.paused_at:%Y-%m-%d %H:%M} UTC ({(each.reason or '').rstrip('.')})"
    )


def _generation(each: "ProjectionStatus") -> str:
    live = "-" if each.generation is None else str(each.generation)
    return live if each.building is None else f"{live} (building {each.building})"


def _events(each: "ProjectionStatus | ReactionStatus") -> str:
    return f"{each.lag_events:,}" if each.lag_is_exact else f"at most {each.lag_events:,}"
