"""`acci dead-letters`: events that a projection could not apply."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.bounds import BIGINT
from flows.cli.printing import JsonFlag, cell, console, print_json
from store.settings import Settings

if TYPE_CHECKING:
    from store.catalogue import Catalogue
    from store.database import Connection
    from store.projecting.dead_letters import Retried

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Number = Annotated[int, typer.Argument(help="The dead letter's number, as listed.", min=1, max=BIGINT)]


@contextmanager
def _opened(tenant: str | None = None) -> "Iterator[tuple[Connection, Catalogue]]":
    from store.catalogue import load
    from store.database import connect
    from store.embedded import database_url
    from store.tenants import enter

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    with connect(database_url(settings), "dead letters", "read" if tenant else "administer") as connection:
        if tenant:
            enter(connection, tenant)
        yield connection, catalogue


@app.command("list")
def list_(
    projection: Annotated[str | None, typer.Argument(help="Only this projection's.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    json: JsonFlag = False,
) -> None:
    """List the events that could not be applied, and the keys parked behind them."""
    from store.projecting.dead_letters import letters

    with _opened(tenant) as (connection, catalogue):
        if projection is not None:
            catalogue.projection(projection)
        found = letters(connection, projection)
    if json:
        print_json([asdict(letter) for letter in found])
        return
    if not found:
        console().print("No dead letters: every event was applied.")
        return
    from rich.table import Table

    table = Table("number", "projection", "position", "event", "parked keys", "tries", "error")
    for letter in found:
        keys = ", ".join("/".join(part or "NULL" for part in key) for key in letter.keys) or "unreadable"
        table.add_row(
            str(letter.dead_letter),
            letter.projection,
            f"{letter.position:,}",
            cell(letter.event_type),
            cell(keys),
            str(letter.tries),
            cell(letter.error),
        )
    console().print(table)


@app.command("show")
def show(number: Number, json: JsonFlag = False) -> None:
    """Show one dead letter with its event's payload."""
    from store.projecting.dead_letters import letter

    with _opened() as (connection, _):
        found = letter(connection, number)
    if json:
        print_json(asdict(found))
    else:
        for name, value in asdict(found).items():
            console().print(cell(f"{name}: {value}"))


@app.command("retry")
def retry(
    projection: Annotated[str, typer.Argument(help="The projection whose parked keys to derive anew.")],
    json: JsonFlag = False,
) -> None:
    """Derive the parked keys anew from their events, and release those that can be."""
    from store.projecting.dead_letters import retry as derive

    with _opened() as (connection, catalogue):
        _say(derive(connection, catalogue, catalogue.projection(projection)), json)


@app.command("discard")
def discard(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why the event is to be left out; stored with it.")],
    json: JsonFlag = False,
) -> None:
    """Leave an event out of its projection for good, in rebuilds too, and derive its keys without it."""
    from store.projecting.dead_letters import discard as leave_out

    with _opened() as (connection, catalogue):
        _say(leave_out(connection, catalogue, number, reason), json)


def _say(done: "Retried", json: bool) -> None:
    """Exit code 1 while anything is still parked."""
    if json:
        print_json(asdict(done))
    else:
        console().print(
            f"{done.projection}: {done.released} keys released, {done.parked} still parked, "
            f"{done.unreadable} events with an unreadable key."
        )
    if done.parked or done.unreadable:
        raise typer.Exit(1)
