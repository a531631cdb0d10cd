"""`acci check-schemas`: which stored events today's code cannot read."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from acci.flows.cli.printing import JsonFlag, console, print_json, print_table

if TYPE_CHECKING:
    from acci.store.log.schema_check import StoredShape

WHAT_TO_DO = (
    "Of what cannot be read: if its class was renamed, say `formerly` in it; if it is gone, name it in its context's "
    "`retired`; where a field changed, raise the event's schema_version "
    "and declare an upcaster from the stored one. A schema version above the code's was stored by a newer release."
)


def check_schemas(json: JsonFlag = False) -> None:
    """Show which stored events today's code cannot read.

    All event types and schema versions in the log are listed. Exits with 1 if there are any that it cannot read: run
    it before a release that changes events.
    """
    shapes = _stored_shapes()
    if json:
        print_json([asdict(shape) for shape in shapes])
    else:
        _show(shapes)
    if any(shape.problem for shape in shapes):
        raise typer.Exit(1)


def coverage(json: JsonFlag = False) -> None:
    """The former name of check-schemas."""
    typer.echo("acci: `acci coverage` is now called `acci check-schemas`.", err=True)
    check_schemas(json)


def _stored_shapes() -> "list[StoredShape]":
    from acci.flows.runtime.session import session
    from acci.store.log.schema_check import stored_shapes
    from acci.store.postgres.errors import SchemaMissing

    try:
        with session("check-schemas", "administer", shared=True) as (connection, catalogue):
            return stored_shapes(connection, catalogue)
    except SchemaMissing:  # of an older ACCI without roles: schemas are checked before migrating
        with session("check-schemas", None) as (connection, catalogue):
            return stored_shapes(connection, catalogue)


def _show(shapes: "list[StoredShape]") -> None:
    rows = (
        (
            shape.event_type,
            shape.schema_version,
            f"{shape.events:,}",
            f"{shape.first_position:,} to {shape.last_position:,}",
            f"no: {shape.problem}" if shape.problem else "yes",
        )
        for shape in shapes
    )
    print_table(("event type", "schema version", "events", "positions", "readable"), rows)
    if any(shape.problem for shape in shapes):
        console().print(WHAT_TO_DO)
