"""Whether reactions run, decide in time, and what they decided is delivered."""

from collections.abc import Iterator

from acci.store.log import high_water
from acci.store.monitoring.checks.check import Bounds, Check, span
from acci.store.monitoring.reactions import BEYOND, GONE, NOT_STARTED, ReactionStatus, read_reactions
from acci.store.postgres.database import Connection
from acci.store.reacting.registrations import RESTORED, ReactionPaused
from acci.store.registry import Catalogue


def reactions(connection: Connection, catalogue: Catalogue, bounds: Bounds) -> Iterator[Check]:
    """Each runs, or somebody paused it; it is not far behind, and what it decided leaves in time.

    Where none was ever started, as on a new database, that is no alarm; beside others that were, it is.
    """
    found = read_reactions(connection, catalogue, high_water.current(connection).head)
    in_use = any(each.state != NOT_STARTED for each in found)
    for each in found:
        yield _runs(each, in_use)
        if each.state not in (GONE, NOT_STARTED, BEYOND):
            yield _lag(each, bounds)
        if each.state != NOT_STARTED:
            yield _delivered(each, bounds)
            yield _dead_letters(each, bounds)


def _runs(each: ReactionStatus, in_use: bool) -> Check:
    name = each.reaction
    if each.paused_at is not None and each.reason == RESTORED:
        return Check("reaction", False, str(ReactionPaused(name, RESTORED)), reaction=name)
    if each.paused_at is not None:
        said = f"{name} is paused, by {each.paused_by}: {(each.reason or 'nobody said why').rstrip('.')}."
        return Check("reaction", True, said, reaction=name)
    if each.state == GONE:
        said = (
            f"{name} was started here, and no registered context has it: it neither decides nor delivers. Name its "
            f"context in ACCI_CONTEXTS; if it was removed on purpose: `acci reactions pause {name} --reason …`."
        )
        return Check("reaction", False, said, reaction=name)
    if each.state == NOT_STARTED:
        said = f"{name} is not started, so what happens until then may never be decided: run `{each.remedy}`."
        return Check("reaction", not in_use, said, reaction=name)
    if each.state == BEYOND:
        said = f"{name} is beyond the log, which was restored from an older backup. `{each.remedy}` pauses it."
        return Check("reaction", False, said, reaction=name)
    return Check("reaction", True, f"{name} runs.", reaction=name)


def _lag(each: ReactionStatus, bounds: Bounds) -> Check:
    within = each.lag_events <= bounds.lag_events and each.lag_seconds <= bounds.lag_seconds
    more = "" if within else ": see the last run of react, or run `acci run react`"
    if not within and each.paused_at is not None:
        more = f": it is paused; `{each.remedy}` has it go on"
    said = f"{each.reaction} is {each.lag_events:,} events and {span(each.lag_seconds)} behind{more}."
    return Check("reaction lag", within, said, reaction=each.reaction)


def _delivered(each: ReactionStatus, bounds: Bounds) -> Check:
    within = each.undelivered_seconds <= bounds.undelivered_seconds
    said = f"All that {each.reaction} decided is delivered."
    if each.pending:
        age = f", the oldest for {span(each.undelivered_seconds)}" if each.undelivered_seconds else ""
        more = "" if within else f": see `acci reactions show {each.reaction}` and the last run of react"
        said = f"{each.pending:,} effects of {each.reaction} wait to be delivered{age}{more}."
    return Check("undelivered", within, said, reaction=each.reaction)


def _dead_letters(each: ReactionStatus, bounds: Bounds) -> Check:
    within, name = each.dead_letters <= bounds.dead_letters, each.reaction
    said = f"{name} has no dead letters."
    if each.dead_letters:
        said = f"{name} has {each.dead_letters:,} dead letters, with {each.parked_keys:,} keys parked."
    if not within:
        said += " See `acci reactions dead-letters list`; mend and retry."
    return Check("reaction dead letters", within, said, reaction=name)
