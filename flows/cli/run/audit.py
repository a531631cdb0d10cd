"""`acci run audit`: compares stored state with the events."""

from typing import Annotated

import typer

from acci.flows.cli.json_input import KEY, read_key
from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def audit(
    projection: Annotated[str, typer.Argument(help="A projection's name; all: every one, and the log.")] = "all",
    check: Annotated[list[str] | None, typer.Option(help="Only this check; repeatable.")] = None,
    tenant: Annotated[str, typer.Option(help="Only what belongs to this tenant.")] = "",
    keys: Annotated[list[str] | None, typer.Option("--key", help=KEY)] = None,
    since: Annotated[str, typer.Option(help="Only what events recorded at or after this time affect.")] = "",
    one_in: Annotated[int, typer.Option(min=1, max=1_000_000, help="Check one key in this many.")] = 1,
    repair: Annotated[bool, typer.Option("--repair", help="Re-derive what is found wrong.")] = False,
    fail_at: Annotated[str, typer.Option(help="How bad a finding must be to fail: info, warning or error.")] = "error",
    json: JsonFlag = False,
) -> None:
    """Compare stored state with the events.

    The log, the read models and the snapshots.
    """

    if fail_at not in ("info", "warning", "error"):
        raise typer.BadParameter("--fail-at is info, warning or error.")
    parameters = {
        "projection": projection,
        "checks": check or [],
        "tenant": tenant,
        "keys": [read_key(text) for text in keys or []],
        "since": since,
        "one_in": one_in,
        "repair": repair,
        "fail_at": fail_at,
    }
    run_flow("acci.flows.audit:audit", projection, parameters, json)
