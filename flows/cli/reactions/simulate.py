"""`acci reactions simulate`: what a reaction would decide and send; nothing is stored or sent."""

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.printing import JsonFlag, as_json, console, print_json, print_table
from acci.flows.cli.reactions.options import Name, start

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acci.store.reacting.simulating import Simulated, SimulatedEffect


def simulate(
    reaction: Name,
    since: Annotated[str, typer.Option(help="beginning, a position or a moment: on the events after it.")],
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most this many events, the first ones.")] = 100,
    json: JsonFlag = False,
) -> None:
    """Show what a reaction would decide with today's code.

    Nothing is stored, nothing is sent; also of a reaction that has not begun yet.
    """
    from acci.flows.runtime.session import session
    from acci.store.reacting.simulating import simulate as decide

    begin = start(since, "--since")
    with session("simulate", "administer") as (connection, catalogue):
        found = list(islice(decide(connection, catalogue, catalogue.reaction(reaction), begin), limit + 1))
    shown = found[:limit]
    if json:
        print_json([asdict(each) for each in shown])
        return
    if not shown:
        console().print("It would decide on no event.")
        return
    show_simulated(shown)
    if len(found) > limit:
        console().print(f"… and more: see --limit, which is {limit:,}.")


def show_simulated(found: "Iterable[Simulated]") -> None:
    """A line for each event, with what would follow from it."""
    rows = ((f"{each.position:,}", each.event_type, each.tenant_id, each.key, _decision(each)) for each in found)
    print_table(("position", "event", "tenant", "key", "what follows"), rows)


def _decision(each: "Simulated") -> str:
    if each.error is not None:
        return f"a dead letter: {each.error}"
    if each.waits:
        return "it waits behind a dead letter of its key"
    return "; ".join(map(_effect, each.effects)) or "nothing"


def _effect(effect: "SimulatedEffect") -> str:
    if effect.kind == "cancel":
        return f"cancel the timer {effect.timer}"
    what = f"{effect.kind} {effect.topic} {as_json(effect.content, None)}"
    return what if effect.due is None else f"timer {effect.timer} at {effect.due:%Y-%m-%d %H:%M:%S}: {what}"
