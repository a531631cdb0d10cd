"""`acci dead-letters`: events that a projection could not apply."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, cell, console, print_json, print_table

if TYPE_CHECKING:
    from acci.store.postgres.database import Connection
    from acci.store.projecting.dead_letters import DeadLetter, Discarded, Retried
    from acci.store.registry import Catalogue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Number = Annotated[int, typer.Argument(help="The dead letter's number, as listed.", min=1, max=BIGINT)]


@contextmanager
def _opened(tenant: str | None = None) -> "Iterator[tuple[Connection, Catalogue]]":
    from acci.flows.runtime.session import session
    from acci.store.postgres.tenants import enter

    with session("dead letters", "read" if tenant else "administer") as (connection, catalogue):
        if tenant:
            enter(connection, tenant)
        yield connection, catalogue


@app.command("list")
def list_(
    projection: Annotated[str | None, typer.Argument(help="Only this projection's.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    discarded: Annotated[bool, typer.Option("--discarded", help="List the discarded events instead.")] = False,
    json: JsonFlag = False,
) -> None:
    """List the events that could not be applied, with parked keys."""
    from acci.store.projecting import dead_letters as stored

    with _opened(tenant) as (connection, catalogue):
        if projection is not None:
            catalogue.projection(projection)
        left_out = stored.discarded(connection, projection)
        found = [] if discarded else stored.letters(connection, projection)
    if json:
        print_json([asdict(each) for each in (left_out if discarded else found)])
    elif discarded:
        _show_discarded(left_out)
    else:
        _show_letters(found)
        if left_out:
            console().print(f"Also {len(left_out):,} discarded: see `acci dead-letters list --discarded`.")


def _show_letters(found: "list[DeadLetter]") -> None:
    if not found:
        console().print("No dead letters: no event waits to be applied.")
        return
    rows = (
        (
            letter.dead_letter,
            letter.projection,
            f"{letter.position:,}",
            letter.event_type,
            ", ".join("/".join(part or "NULL" for part in key) for key in letter.keys) or "unreadable",
            letter.tries,
            letter.error,
        )
        for letter in found
    )
    print_table(("number", "projection", "position", "event", "parked keys", "tries", "error"), rows)


def _show_discarded(found: "list[Discarded]") -> None:
    if not found:
        console().print("No event was discarded.")
        return
    rows = (
        (each.projection, f"{each.position:,}", each.event_type, each.reason, f"{each.discarded_at:%Y-%m-%d %H:%M}")
        for each in found
    )
    print_table(("projection", "position", "event", "reason", "discarded at"), rows)


@app.command("show")
def show(number: Number, json: JsonFlag = False) -> None:
    """Show one dead letter with its event's payload."""
    from acci.store.projecting.dead_letters import letter

    with _opened() as (connection, _):
        found = letter(connection, number)
    if json:
        print_json(asdict(found))
    else:
        for name, value in asdict(found).items():
            console().print(cell(f"{name}: {value}"))


@app.command("retry")
def retry(
    projection: Annotated[str, typer.Argument(help="The projection whose parked keys to re-derive.")],
    json: JsonFlag = False,
) -> None:
    """Re-derive the parked keys, and release those that can be.

    Exit code 1 while anything is still parked.
    """
    from acci.store.projecting.dead_letters import retry as derive

    with _opened() as (connection, catalogue):
        if projection.isdecimal() and projection not in catalogue.projections:
            raise typer.BadParameter(_takes_a_projection(connection, projection))
        done = derive(connection, catalogue, catalogue.projection(projection))
    _say(done, json)
    if done.parked or done.unreadable:
        raise typer.Exit(1)


def _takes_a_projection(connection: "Connection", number: str) -> str:
    from acci.store.projecting.dead_letters import letters

    whose = next((each.projection for each in letters(connection) if str(each.dead_letter) == number), None)
    said = "give a projection's name, not a letter's number: all its parked keys are re-derived."
    return f"{said} Letter {number} is of {whose}: `acci dead-letters retry {whose}`." if whose else said


@app.command("discard")
def discard(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why the event is discarded; stored with it.")],
    json: JsonFlag = False,
) -> None:
    """Discard an event: leave it out of its projection for good.

    Also in rebuilds. Its keys are re-derived without it. Exit code 0 once discarded, even if others stay parked.
    """
    from acci.store.projecting.dead_letters import discard as leave_out

    with _opened() as (connection, catalogue):
        done = leave_out(connection, catalogue, number, reason)
    if not json:
        console().print(f"Dead letter {number} is discarded.")
    _say(done, json)


def _say(done: "Retried", json: bool) -> None:
    if json:
        print_json(asdict(done))
        return
    console().print(
        f"{done.projection}: {done.released} keys released, {done.parked} still parked, "
        f"{done.unreadable} events with an unreadable key."
    )
