"""`acci run backfill`: a part of a live read model re-derived."""

from typing import Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.json_input import KEY, read_key
from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def backfill(
    projection: Annotated[str, typer.Argument(help="A projection's name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the keys; change nothing.")] = False,
    tenant: Annotated[list[str], typer.Option(help="Only keys affected by events of this tenant; repeatable.")] = [],
    key: Annotated[list[str], typer.Option(help=KEY)] = [],
    event_type: Annotated[list[str], typer.Option(help="Only keys affected by events of this type; repeatable.")] = [],
    since: Annotated[str, typer.Option(help="Only keys affected by events at or after this time.")] = "",
    until: Annotated[str, typer.Option(help="Only keys affected by events before this time.")] = "",
    after_position: Annotated[
        int, typer.Option(min=0, max=BIGINT, help="Only keys affected by events above this position.")
    ] = 0,
    up_to_position: Annotated[
        int, typer.Option(min=0, max=BIGINT, help="Only keys affected by events up to this position.")
    ] = 0,
    new_column: Annotated[list[str], typer.Option(help="A column that the live table does not have yet.")] = [],
    chunk_size: Annotated[int, typer.Option(min=1, max=1_000_000, help="Keys in one transaction.")] = 10_000,
    keys_a_second: Annotated[
        int, typer.Option(min=0, max=BIGINT, help="At most this many keys a second; 0: no limit.")
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Re-derive a part of a live read model.

    With nothing chosen, all of it.
    """
    parameters = {
        "projection": projection,
        "dry_run": dry_run,
        "tenants": tenant,
        "keys": [read_key(text) for text in key],
        "event_types": event_type,
        "since": since,
        "until": until,
        "after_position": after_position,
        "up_to_position": up_to_position,
        "new_columns": new_column,
        "chunk_size": chunk_size,
        "keys_a_second": keys_a_second,
    }
    run_flow("acci.flows.backfill:backfill", projection, parameters, json)
