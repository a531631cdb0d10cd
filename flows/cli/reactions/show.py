"""`acci reactions show`: one reaction, or one of its keys, now or as it was."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acci.flows.cli.bounds import BIGINT
from acci.flows.cli.printing import JsonFlag, cell, console, print_json, print_table
from acci.flows.cli.reactions.options import Name, moment
from acci.flows.cli.timestamp_options import AsOfOption

if TYPE_CHECKING:
    from datetime import datetime

    from acci.store.reacting.key_history import KeyHistory


def show(
    reaction: Name,
    key: Annotated[str | None, typer.Argument(help="One of its keys.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The key's tenant.")] = None,
    position: Annotated[int | None, typer.Option(min=0, max=BIGINT, help="The key as of this position.")] = None,
    timestamp: AsOfOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many events, the last ones.")] = 100,
    json: JsonFlag = False,
) -> None:
    """Show where a reaction stands, or one of its keys.

    Of a key: its state, now or as it was, what was decided and delivered, and its timers.
    """
    if (key is None) != (tenant is None):
        raise typer.BadParameter("a key is named together with its --tenant.")
    if key is None and (position is not None or timestamp is not None):
        raise typer.BadParameter("--position and --as-of are of a key; name one.")
    if position is not None and timestamp is not None:
        raise typer.BadParameter("give --position or --as-of, not both.")
    if key is None or tenant is None:
        _show_reaction(reaction, json)
    else:
        as_of = position if timestamp is None else moment(timestamp)
        _show_key(reaction, tenant, key, as_of, limit, json)


def _show_reaction(reaction: str, json: bool) -> None:
    from acci.flows.runtime.session import session
    from acci.store.log import high_water
    from acci.store.monitoring.reactions import read_reactions
    from acci.store.reacting.registrations import registration
    from acci.store.reacting.rewinding import rewinds

    with session("reactions", "administer", shared=True) as (connection, catalogue):
        here = registration(connection, reaction)
        head = high_water.establish(connection, patience=0.05).head
        status = next(each for each in read_reactions(connection, catalogue, head) if each.reaction == reaction)
        made = rewinds(connection, reaction)
    found: dict[str, Any] = asdict(status) | {"begins": here.begins, "created_at": here.created_at}
    if json:
        print_json(found | {"rewinds": [asdict(each) for each in made]})
        return
    print_table(("field", "value"), found.items())
    if made:
        rows = ((each.rewind, f"{each.position:,}", each.reason, each.made_by, each.made_at) for each in made)
        print_table(("rewind", "to position", "reason", "by", "at"), rows)


def _show_key(reaction: str, tenant: str, key: str, as_of: "int | datetime | None", limit: int, json: bool) -> None:
    from acci.flows.runtime.session import session
    from acci.store.reacting.key_history import key_history

    with session("reactions", "administer", shared=True) as (connection, catalogue):
        found = key_history(connection, catalogue, catalogue.reaction(reaction), tenant, key, as_of, limit)
    if json:
        print_json(asdict(found))
    elif not found.events and not found.timers:
        console(stderr=True).print("Nothing found.")
    else:
        _print_key(found)


def _print_key(found: "KeyHistory") -> None:
    out = console()
    out.print(cell(f"{found.reaction}, {found.key} of {found.tenant_id}, at position {found.position:,}"), style="bold")
    if found.state is not None:
        print_table(("field", "value"), found.state.items())
    events = (
        (f"{each.position:,}", each.event_type, each.rewind, each.ended, each.effects, each.reason)
        for each in found.events
    )
    print_table(("position", "event", "rewind", "decision", "effects", "reason"), events)
    if found.effects:
        effects = (
            (
                f"{each.position:,}/{each.ordinal}",
                each.rewind,
                each.ended,
                each.kind,
                each.topic,
                each.tries,
                each.reason,
            )
            for each in found.effects
        )
        print_table(("effect", "rewind", "ended", "kind", "topic", "tries", "reason"), effects)
    for timer in found.timers:
        out.print(cell(f"timer {timer.name}: {timer.kind} {timer.topic} at {timer.due:%Y-%m-%d %H:%M:%S}"))
