"""`acci findings`: what audits found wrong."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.store.settings import Settings

if TYPE_CHECKING:
    from acci.store.auditing.findings import Finding


def findings(
    projection: Annotated[str | None, typer.Argument(help="Only this projection's.")] = None,
    check: Annotated[str | None, typer.Option(help="Only what this check found.")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also those that are gone.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=BIGINT, help="At most so many.")] = 100,
    csv: Annotated[Path | None, typer.Option(help="Write the rows that differ, value by value, to this file.")] = None,
    json: JsonFlag = False,
) -> None:
    """List what audits found wrong and is not gone, worst first."""
    from acci.store.auditing.audit import all_checks
    from acci.store.auditing.findings import findings as read
    from acci.store.database_url import direct_url
    from acci.store.postgres.database import connect
    from acci.store.registry import known, load

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    if projection is not None:
        catalogue.projection(projection)
    if check is not None:
        known(all_checks(catalogue), "check", check)
    with connect(direct_url(settings), "findings", "administer", shared=True) as connection:
        found = read(connection, check, projection, resolved, limit)
    if csv is not None:
        from acci.flows.artifacts.differences import of_findings

        frame = of_findings(found)
        with csv.open("w", encoding="utf-8", newline="") as file:
            frame.to_csv(file, index=False)
        console(stderr=True).print(f"{len(frame):,} lines written to {csv}")
    if json:
        print_json([asdict(each) for each in found])
    else:
        _show(found)


def _show(found: "list[Finding]") -> None:
    from rich.table import Table

    if not found:
        console().print("Audits found nothing wrong that is still there.")
        return
    table = Table("severity", "check", "of", "place", "problem", "first seen", "last seen")
    for each in found:
        gone = "" if each.resolved_at is None else f" (gone {each.resolved_at:%Y-%m-%d %H:%M})"
        table.add_row(
            each.severity,
            each.check,
            each.projection or "the log",
            cell(", ".join(f"{name} {value}" for name, value in each.place.items())),
            cell(each.problem),
            f"{each.first_seen:%Y-%m-%d %H:%M}",
            f"{each.last_seen:%Y-%m-%d %H:%M}{gone}",
        )
    console().print(table)
