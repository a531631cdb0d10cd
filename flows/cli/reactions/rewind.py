"""`acci reactions rewind`: decide events once more, and send what follows once more."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.flows.cli.reactions.options import Name, start
from acci.flows.cli.reactions.simulate import show_simulated

if TYPE_CHECKING:
    from acci.store.reacting.rewinding import Plan


def rewind(
    reaction: Name,
    to: Annotated[str, typer.Option(help="beginning, a position or a moment: what is after it is decided again.")],
    reason: Annotated[
        str | None, typer.Option(help="Why; kept with the rewind. Needed unless it is a --dry-run.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would send; change nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Decide events once more, and send what follows.

    To receivers it is new. Shows first what that is, and asks. What is still to be delivered is delivered all the same.
    """
    from acci.flows.runtime.session import session
    from acci.store.reacting.retrying import NoReason
    from acci.store.reacting.rewinding import plan_rewind
    from acci.store.reacting.rewinding import rewind as set_back

    if not dry_run and not (reason or "").strip():
        raise NoReason(f"A rewind of {reaction}")
    if json and not yes and not dry_run:
        raise typer.BadParameter("with --json nobody is asked: give --yes too, or --dry-run.")
    begin = start(to, "--to")
    with session("rewind", "administer") as (connection, catalogue):
        plan = plan_rewind(connection, catalogue, catalogue.reaction(reaction), begin)
        if not json:
            _show(plan)
        if dry_run:
            if json:
                print_json(_plain(plan) | {"rewound": False})
            return
        if not yes and not typer.confirm("Rewind it?"):
            console().print("Nothing was changed.")
            raise typer.Exit(1)
        here = set_back(connection, reaction, plan.position, reason or "")
    if json:
        print_json(_plain(plan) | {"rewind": here.rewind, "rewound": True})
        return
    console().print(f"{reaction} was set back to position {here.checkpoint:,}: rewind {here.rewind}.")
    if here.is_paused:
        console().print(f"It is paused: see `acci reactions resume {reaction}`.", markup=False)


def _plain(plan: "Plan") -> dict[str, Any]:
    effects = [{"kind": kind, "topic": topic, "count": count} for (kind, topic), count in plan.effects.items()]
    return asdict(plan) | {"effects": effects}


def _show(plan: "Plan") -> None:
    def say(text: str) -> None:
        console().print(cell(text), soft_wrap=True)

    say(f"{plan.reaction}, back from position {plan.checkpoint:,} to {plan.position:,}: {plan.events:,} events.")
    for (kind, topic), count in plan.effects.items():
        say(f"  {count:,} times {kind} {topic}")
    if not plan.effects:
        say("  nothing would be sent")
    if plan.timers or plan.dropped_timers:
        say(f"  timers: {plan.timers:,} set, {plan.timers_due:,} of them due at once; {plan.dropped_timers:,} dropped")
    if plan.failing or plan.waiting:
        say(f"  {plan.failing:,} dead letters, {plan.waiting:,} events waiting behind them")
    if plan.pending:
        say(f"  {plan.pending:,} effects decided before are still to be delivered, and will be")
    if plan.examples:
        show_simulated(plan.examples)
