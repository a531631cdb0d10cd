"""`acci status`: where the log and the read models stand."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from flows.cli.printing import JsonFlag, console, print_json
from store.settings import Settings

if TYPE_CHECKING:
    from store.status import ProjectionStatus, Status


def status(json: JsonFlag = False) -> None:
    """Show the log's head, the high-water mark and how far each projection has come."""
    from store.catalogue import load
    from store.database import connect
    from store.embedded import database_url
    from store.status import read_status

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    with connect(database_url(settings), "status") as connection:
        now = read_status(connection, catalogue)
    if json:
        print_json(asdict(now))
    else:
        _show(now)


def _show(now: "Status") -> None:
    from rich.table import Table

    out = console()
    mark = now.high_water
    out.print(f"head {mark.head:,}   high-water mark {mark.position:,}")
    for holder in mark.holders:
        process = "" if holder.pid is None else f", process {holder.pid}"
        out.print(f"  held by {holder.who}{process}, {holder.state}, appending since {holder.since}", markup=False)
    table = Table("projection", "state", "generation", "checkpoint", "lag (events)", "lag (seconds)")
    for each in now.projections:
        table.add_row(
            each.projection,
            each.state,
            _generation(each),
            f"{each.checkpoint:,}",
            _events(each),
            f"{each.lag_seconds:,.1f}",
        )
    out.print(table)


def _generation(each: "ProjectionStatus") -> str:
    live = "-" if each.generation is None else str(each.generation)
    return live if each.building is None else f"{live} (building {each.building})"


def _events(each: "ProjectionStatus") -> str:
    return f"{each.lag_events:,}" if each.lag_is_exact else f"at most {each.lag_events:,}"
