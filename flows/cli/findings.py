"""`acci findings`: what audits found wrong."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, console, print_json, print_table

if TYPE_CHECKING:
    from acci.store.auditing.findings import Finding


def findings(
    projection: Annotated[str | None, typer.Argument(help="Only this projection's.")] = None,
    check: Annotated[str | None, typer.Option(help="Only findings of this check.")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also resolved ones.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=BIGINT, help="At most this many.")] = 100,
    csv: Annotated[Path | None, typer.Option(help="Write the rows that differ, value by value, to this file.")] = None,
    json: JsonFlag = False,
) -> None:
    """List the open findings of audits, worst first."""
    from acci.flows.runtime.session import catalogue, session
    from acci.store.auditing.audit import all_checks
    from acci.store.auditing.findings import findings as read
    from acci.store.registry import known

    if projection is not None:
        catalogue().projection(projection)
    if check is not None:
        known(all_checks(catalogue()), "check", check)
    with session("findings", "administer", shared=True) as (connection, _):
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
    if not found:
        console().print("There are no open findings.")
        return
    print_table(("severity", "check", "of", "place", "problem", "first seen", "last seen"), map(_row, found))


def _row(each: "Finding") -> tuple[str, ...]:
    gone = "" if each.resolved_at is None else f" (resolved {each.resolved_at:%Y-%m-%d %H:%M})"
    return (
        each.severity,
        each.check,
        each.projection or "the log",
        ", ".join(f"{name} {value}" for name, value in each.place.items()),
        each.problem,
        f"{each.first_seen:%Y-%m-%d %H:%M}",
        f"{each.last_seen:%Y-%m-%d %H:%M}{gone}",
    )
