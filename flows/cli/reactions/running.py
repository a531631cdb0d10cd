"""`acci reactions list`, `register`, `pause`, `resume`, `timers`: where they stand, and whether they run."""

from dataclasses import asdict
from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag, cell, console, print_json, print_table
from acci.flows.cli.reactions.options import MaybeName, Name, Tenant, start


def list_(json: JsonFlag = False) -> None:
    """List the reactions: where they stand, what waits."""
    from acci.flows.runtime.session import session
    from acci.store.log import high_water
    from acci.store.monitoring.reactions import read_reactions

    with session("reactions", "administer", shared=True) as (connection, catalogue):
        mark = high_water.establish(connection, patience=0.05)
        found = read_reactions(connection, catalogue, mark.head)
    if json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console().print("No reaction is registered: a context names them in `reactions`.")
        return
    heads = ("reaction", "state", "checkpoint", "rewind", "lag", "pending", "timers", "dead letters", "parked keys")
    rows = (
        (
            each.reaction,
            each.state,
            f"{each.checkpoint:,}",
            each.rewind,
            f"{'' if each.lag_is_exact else 'at most '}{each.lag_events:,} events, {each.lag_seconds:,.1f} s",
            f"{each.pending:,}",
            f"{each.timers + each.timers_due:,}",
            f"{each.dead_letters:,}",
            f"{each.parked_keys:,}",
        )
        for each in found
    )
    print_table(heads, rows)
    for each in found:
        if each.reason:
            console().print(cell(f"{each.reaction} is paused by {each.paused_by}: {each.reason}"), soft_wrap=True)


def register(
    reaction: Name,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from", help="head, beginning, a position or a moment after which it begins; else as its class says."
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Have a reaction begin, at the log's head or elsewhere.

    One that has begun already stays where it is.
    """
    from acci.flows.runtime.session import session
    from acci.store.reacting.registrations import register as begin_at
    from acci.store.reacting.registrations import registered

    given = None if begin is None else start(begin, "--from")
    with session("reactions", "administer") as (connection, catalogue):
        known = reaction in registered(connection)
        here = begin_at(connection, catalogue.reaction(reaction), given)
    if json:
        print_json({"reaction": reaction, "begins": here.begins, "checkpoint": here.checkpoint, "new": not known})
    elif known:
        console().print(f"{reaction} has begun already, after position {here.begins:,}; it stays so.")
    else:
        console().print(f"{reaction} decides on events after position {here.begins:,}.")


def pause(
    reaction: Name,
    reason: Annotated[str, typer.Option(help="Why; shown until it is resumed.")],
    json: JsonFlag = False,
) -> None:
    """Have a reaction stop until it is resumed.

    It neither decides nor delivers, and its timers do not fire; what is being sent ends.
    """
    from acci.flows.runtime.session import session
    from acci.store.reacting.registrations import pause as stop
    from acci.store.reacting.registrations import registration
    from acci.store.reacting.retrying import NoReason

    if not reason.strip():
        raise NoReason(f"A pause of {reaction}")
    with session("reactions", "administer") as (connection, _):
        paused = stop(connection, reaction, reason)
        here = registration(connection, reaction)
    if json:
        print_json({"reaction": reaction, "paused": True, "new": paused, "reason": here.reason, "by": here.paused_by})
    elif paused:
        console().print(f"{reaction} is paused.")
    else:
        console().print(cell(f"{reaction} was paused already by {here.paused_by}: {here.reason}"), soft_wrap=True)


def resume(reaction: Name, json: JsonFlag = False) -> None:
    """Have a paused reaction go on where it stopped."""
    from acci.flows.runtime.session import session
    from acci.store.reacting.registrations import registration
    from acci.store.reacting.registrations import resume as go_on

    with session("reactions", "administer") as (connection, _):
        go_on(connection, reaction)
        here = registration(connection, reaction)
    if json:
        print_json({"reaction": reaction, "paused": False, "checkpoint": here.checkpoint})
    else:
        console().print(f"{reaction} goes on after position {here.checkpoint:,}.")


def timers(
    reaction: MaybeName = None,
    key: Annotated[str | None, typer.Option(help="Only this key's.")] = None,
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many, those that are due first.")] = 100,
    json: JsonFlag = False,
) -> None:
    """List the timers that have not fired, the next first."""
    from acci.flows.runtime.session import session
    from acci.store.reacting.pending_timers import pending_timers
    from acci.store.reacting.registrations import require_known

    with session("reactions", "administer", shared=True) as (connection, catalogue):
        if reaction is not None:
            require_known(connection, catalogue, reaction)
        found = pending_timers(connection, reaction, tenant, key, limit)
    if json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console().print("No timer is set.")
        return
    rows = (
        (
            each.reaction,
            each.tenant_id,
            each.key,
            each.name,
            f"{each.due:%Y-%m-%d %H:%M:%S}",
            f"{each.kind} {each.topic}",
        )
        for each in found
    )
    print_table(("reaction", "tenant", "key", "timer", "due", "what"), rows)
