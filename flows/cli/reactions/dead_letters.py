"""`acci reactions dead-letters`: events that could not be decided, deliveries that failed for good."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, as_json, cell, console, print_json, print_table
from acci.flows.cli.reactions.options import MaybeName, Name, Ordinal, Position, Tenant

if TYPE_CHECKING:
    from acci.store.reacting.retrying import Retried

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(reaction: MaybeName = None, tenant: Tenant = None, json: JsonFlag = False) -> None:
    """List what could not be decided or delivered, and what waits."""
    from acci.flows.runtime.session import session
    from acci.store.reacting.dead_letters import letters
    from acci.store.reacting.registrations import require_known

    with session("dead letters", "administer", shared=True) as (connection, catalogue):
        if reaction is not None:
            require_known(connection, catalogue, reaction)
        found = letters(connection, reaction, tenant)
    if json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console().print("No dead letters: all was decided, and nothing failed for good.")
        return
    rows = (
        (
            each.reaction,
            each.place,
            f"{each.kind} {each.topic}",
            each.tenant_id,
            "unreadable" if each.key is None else each.key,
            each.waiting,
            each.tries,
            each.error,
        )
        for each in found
    )
    print_table(("reaction", "position", "what", "tenant", "key", "waiting", "tries", "error"), rows)


@app.command("show")
def show(reaction: Name, position: Position, ordinal: Ordinal = None, json: JsonFlag = False) -> None:
    """Show one dead letter with its payload."""
    from acci.flows.runtime.session import session
    from acci.store.reacting.dead_letters import letter, payload_of
    from acci.store.reacting.registrations import registration

    with session("dead letters", "administer", shared=True) as (connection, _):
        registration(connection, reaction)
        found = letter(connection, reaction, position, ordinal)
        payload = payload_of(connection, found)
    if json:
        print_json(asdict(found) | {"payload": payload})
        return
    for name, value in asdict(found).items():
        console().print(cell(f"{name}: {value}"), soft_wrap=True)
    console().print(cell(f"payload: {as_json(payload, None)}"), soft_wrap=True)


@app.command("retry")
def retry(
    reaction: Name,
    position: Annotated[
        int | None, typer.Argument(help="Only the dead letter at this position.", min=1, max=BIGINT)
    ] = None,
    ordinal: Ordinal = None,
    json: JsonFlag = False,
) -> None:
    """Decide or deliver again, in order of each key.

    Exit code 1 while anything of it cannot be decided.
    """
    from acci.flows.runtime.session import session
    from acci.store.reacting.retrying import retry as try_again

    if ordinal is not None and position is None:
        raise typer.BadParameter("--ordinal is of a position; give that too.")
    with session("dead letters", "administer") as (connection, catalogue):
        done = try_again(connection, catalogue, reaction, position, ordinal)
    _say(done, json)
    if done.failed:
        raise typer.Exit(1)


@app.command("discard")
def discard(
    reaction: Name,
    position: Position,
    reason: Annotated[str, typer.Option(help="Why it is discarded; stored with it.")],
    ordinal: Ordinal = None,
    json: JsonFlag = False,
) -> None:
    """Leave an event or a delivery out for good; its key goes on.

    Nothing follows from a discarded event, and no state is folded from it. Exit code 0 once discarded, even if another
    event of its key cannot be decided.
    """
    from acci.flows.runtime.session import session
    from acci.store.reacting.dead_letters import place_of
    from acci.store.reacting.retrying import discard as leave_out

    with session("dead letters", "administer") as (connection, catalogue):
        done = leave_out(connection, catalogue, reaction, position, ordinal, reason)
    if not json:
        console().print(f"Dead letter {place_of(position, ordinal)} of {reaction} is discarded.", markup=False)
    _say(done, json)


def _say(done: "Retried", json: bool) -> None:
    if json:
        print_json(asdict(done))
        return
    left = f"; {done.failed:,} cannot be, {done.waiting:,} wait behind" if done.failed or done.waiting else ""
    console().print(
        f"{done.reaction}: {done.decided:,} events decided, {done.effects:,} effects to deliver{left}; "
        f"{done.due:,} deliveries due again.",
        markup=False,
    )
