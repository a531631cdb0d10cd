"""`acci generations`: the builds of read models that are there, and throwing one away."""

from typing import Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, cell, console, print_json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List the generations: live, in the making, stopped by the gate, kept for a rollback."""
    from acci.flows.runtime.session import session
    from acci.store.generations.dropping import all_generations

    with session("generations", "administer") as (connection, _):
        found = all_generations(connection)
    told = [
        {
            "generation": each.generation,
            "projection": each.projection,
            "state": each.state,
            "checkpoint": each.checkpoint,
            "created_at": each.created_at,
        }
        for each in found
    ]
    if json:
        print_json(told)
        return
    if not told:
        console().print("No read model has been built.")
        return
    from rich.table import Table

    table = Table("generation", "projection", "state", "checkpoint", "made at")
    for each in found:
        when = f"{each.created_at:%Y-%m-%d %H:%M}"
        table.add_row(str(each.generation), cell(each.projection), each.state, f"{each.checkpoint:,}", when)
    console().print(table)


@app.command("drop")
def drop(
    number: Annotated[int, typer.Argument(help="The generation's number, as listed.", min=1, max=BIGINT)],
    json: JsonFlag = False,
) -> None:
    """Throw a generation away that is not live.

    One that an interrupted rebuild left, that the gate stopped, or that is kept for a rollback.
    """
    from acci.flows.runtime.session import session
    from acci.store.generations.dropping import drop as throw_away

    with session("generations", "administer") as (connection, _):
        dropped = throw_away(connection, number)
    if json:
        print_json({"generation": dropped.generation, "projection": dropped.projection, "dropped": True})
    else:
        console().print(f"Generation {number} of {dropped.projection} is gone.")
