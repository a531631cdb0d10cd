"""The flow that decides what follows from events, and delivers it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.tables import listed
from acci.flows.runtime import prefect_events
from acci.flows.runtime.parameters import AllOrOneReaction
from acci.flows.runtime.reacting import keep_reacting, react_until_done, reaction_names
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.run_names import add_to_name
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.log import high_water
from acci.store.monitoring.reactions import ReactionStatus, read_reactions
from acci.store.reacting.delivering import Delivered
from acci.store.reacting.following import Totals
from acci.store.reacting.outbox import REFUSED
from acci.store.reacting.registrations import RESTORED, ReactionPaused
from acci.store.reacting.running import Done

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed


@dataclass(frozen=True)
class Outcome:
    """What was done for one reaction, as a row of the run's table; from `parked` on, how it stands now.

    failed: deliveries to be tried again later. dead_letters: new ones, undecided events and undelivered effects.
    """

    reaction: str
    decided: int
    effects: int
    timers_fired: int
    delivered: int
    refused: int
    failed: int
    dead_letters: int
    changed: int
    parked: int
    to_deliver: int
    lag: str


@step("decide and deliver")
def decide_and_deliver(names: Sequence[str], seconds: int, interval: float) -> Done:
    """Do what is due for these reactions: until nothing is left, or for so many seconds."""
    log = get_run_logger()  # looked up here: what notifies may be another thread

    def notify(name: str, what: str) -> None:
        log.warning("%s: %s", name, what)

    if not seconds:
        return react_until_done(names, notify)
    end = time.monotonic() + seconds
    return keep_reacting(names, interval, lambda: time.monotonic() >= end, notify)


@flow(name="react", flow_run_name="react {reaction}", timeout_seconds=allowed_seconds())
@refusing
def react(
    reaction: Annotated[AllOrOneReaction, Field(title="Reactions")] = "all",
    seconds: Annotated[int, Field(title="Seconds", ge=0, le=86_400)] = 0,
    interval: Annotated[float, Field(title="Interval", ge=0.01, le=60)] = 0.1,
) -> State[Any]:
    """Decide what follows from new events, each once; fire timers that are due; deliver what waits.

    A new reaction is registered, and begins where it says. A run that finds nothing to do is completed. One reaction
    that cannot go on does not stop the others; the run then fails and says why. A paused one is left alone.

    Args:
        reaction: One reaction, or all of them.
        seconds: How long to go on; 0: until nothing is left that is due.
        interval: While it goes on, seconds between two polls of the log.
    """
    names = reaction_names(reaction)
    if not names:
        return Completed(name="NothingToDo", message="No registered context has a reaction.")
    done = decide_and_deliver(names, seconds, interval)
    with session("react", shared=True) as (connection, catalogue):
        found = read_reactions(connection, catalogue, high_water.current(connection).head)
    now = [each for each in found if each.reaction in names]
    outcomes = [outcome(each, done) for each in now]
    create_table_artifact(
        key="react", table=[vars(each) for each in outcomes], description="What was done, and is left"
    )
    for each in outcomes:
        if each.dead_letters:
            counted = {"dead_letters": each.dead_letters, "see": "acci reactions dead-letters list"}
            prefect_events.emit(prefect_events.DEAD_LETTER, None, counted, each.reaction)
    return ended(outcomes, now, done, by_name=reaction.strip() != "all")


def outcome(now: ReactionStatus, done: Done) -> Outcome:
    """What was done for a reaction, and how it stands."""
    decided = done.decided.get(now.reaction, Totals())
    left = done.delivered.get(now.reaction, Delivered())
    made = Outcome(
        now.reaction,
        decided.events,
        decided.effects,
        decided.fired,
        left.delivered,
        left.ended[REFUSED],
        left.failed,
        decided.dead_letters + left.dead_letters,
        decided.changed,
        now.parked_keys,
        now.pending,
        f"{'' if now.lag_is_exact else 'at most '}{now.lag_events:,} events, {now.lag_seconds:,.1f} s",
    )
    get_run_logger().info(
        "%s: %s events decided, %s timers fired, %s effects delivered, %s left to deliver",
        made.reaction, made.decided, made.timers_fired, made.delivered, made.to_deliver,
    )  # fmt: skip
    return made


def ended(outcomes: list[Outcome], now: list[ReactionStatus], done: Done, by_name: bool) -> State[Any]:
    """The state of the run: red if anything that was asked for could not be done."""
    decided = sum(each.decided for each in outcomes)
    delivered = sum(each.delivered for each in outcomes)
    fired = sum(each.timers_fired for each in outcomes)
    if decided or delivered or fired:
        add_to_name(f"{decided:,} events decided, {delivered:,} effects delivered")
    did = f"{decided:,} events were decided, {fired:,} timers fired, {delivered:,} effects delivered."
    refused = [(name, each.refused) for name, each in sorted(done.decided.items()) if each.refused]
    if refused:
        return Failed(name="Incomplete", message=f"{did} But {listed(refused)}")
    paused = [each for each in now if each.paused_at is not None]
    waiting = [each for each in paused if by_name or each.reason == RESTORED]
    if waiting:
        said = " ".join(str(ReactionPaused(each.reaction, each.reason or "somebody paused it")) for each in waiting)
        return Failed(name="Paused", message=f"{said} {did}")
    if dead := sum(each.dead_letters for each in outcomes):
        return Failed(
            name="DeadLetters",
            message=f"{dead:,} events could not be decided, or effects not delivered: see `acci reactions dead-letters"
            f" list`. {did}",
        )
    more = _left(outcomes, [each.reaction for each in paused])
    if not (decided or delivered or fired):
        return Completed(name="NothingToDo", message=f"Nothing was due.{more}")
    return Completed(message=f"{did}{more}")


def _left(outcomes: list[Outcome], paused: list[str]) -> str:
    """What goes on waiting, in sentences."""
    said = ""
    if failed := sum(each.failed for each in outcomes):
        said += f" {failed:,} deliveries failed and are tried again later."
    if parked := ", ".join(f"{each.parked:,} of {each.reaction}" for each in outcomes if each.parked):
        said += f" Keys that wait behind dead letters: {parked}; see `acci reactions dead-letters list`."
    return said + (f" Paused: {', '.join(paused)}." if paused else "")
