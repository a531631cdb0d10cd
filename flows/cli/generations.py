"""`acci generations`: list the builds of read models, and drop one."""

from typing import Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, console, print_json, print_table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(json: JsonFlag = False) -> None:
    """List the generations: live, in the making, stopped by the gate, kept for a rollback."""
    from acci.flows.runtime.session import session
    from acci.store.generations.dropping import all_generations

    with session("generations", "administer") as (connection, _):
        found = all_generations(connection)
    rows = [
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
        print_json(rows)
        return
    if not rows:
        console().print("No read model has been built.")
        return
    table = (
        (each.generation, each.projection, each.state, f"{each.checkpoint:,}", f"{each.created_at:%Y-%m-%d %H:%M}")
        for each in found
    )
    print_table(("generation", "projection", "state", "checkpoint", "made at"), table)


@app.command("drop")
def drop(
    number: Annotated[int, typer.Argument(help="The generation's number, as listed.", min=1, max=BIGINT)],
    json: JsonFlag = False,
) -> None:
    """Drop a generation that is not live.

    One that an interrupted rebuild left, that the gate stopped, or that is kept for a rollback.
    """
    from acci.flows.runtime.session import session
    from acci.store.generations.dropping import drop as discard

    with session("generations", "administer") as (connection, _):
        dropped = discard(connection, number)
    if json:
        print_json({"generation": dropped.generation, "projection": dropped.projection, "dropped": True})
    else:
        console().print(f"Generation {number} of {dropped.projection} was dropped.")
