"""`acci coverage`: which stored events today's code cannot read."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.store.settings import Settings

if TYPE_CHECKING:
    from acci.store.log.schema_check import StoredShape

WHAT_TO_DO = (
    "Of what cannot be read: if its class was renamed, say `formerly` in it; if it is gone, name it in its context's "
    "`retired`; where a field changed, raise the event's schema_version "
    "and declare an upcaster from the stored one. A schema version above the code's was stored by a newer release."
)


def coverage(json: JsonFlag = False) -> None:
    """Show which stored events today's code cannot read.

    All event types and schema versions in the log are listed. Exits with 1 if there are any that it cannot read: run
    it before a release that changes events.
    """
    from acci.store.database_url import direct_url
    from acci.store.encryption.configured import key_store
    from acci.store.log.schema_check import stored_shapes
    from acci.store.postgres.database import connect
    from acci.store.postgres.errors import SchemaMissing
    from acci.store.registry import load

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    url = direct_url(settings)
    try:
        opened = connect(url, "coverage", "administer", shared=True, keys=key_store(settings))
    except SchemaMissing:
        # Of an older ACCI, which had no roles: this is asked before migrating.
        opened = connect(url, "coverage", keys=key_store(settings))
    with opened as connection:
        shapes = stored_shapes(connection, catalogue)
    if json:
        print_json([asdict(shape) for shape in shapes])
    else:
        _show(shapes)
    if any(shape.problem for shape in shapes):
        raise typer.Exit(1)


def _show(shapes: "list[StoredShape]") -> None:
    from rich.table import Table

    table = Table("event type", "schema version", "events", "positions", "readable")
    for shape in shapes:
        table.add_row(
            cell(shape.event_type),
            str(shape.schema_version),
            f"{shape.events:,}",
            f"{shape.first_position:,} to {shape.last_position:,}",
            cell(f"no: {shape.problem}" if shape.problem else "yes"),
        )
    console().print(table)
    if any(shape.problem for shape in shapes):
        console().print(WHAT_TO_DO)
