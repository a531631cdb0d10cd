"""Changes of reactions: whether what followed from events still follows, in the same order and on the same state."""

from collections.abc import Iterator

from acci.store.contract.changes import Change, Verdict
from acci.store.contract.document import Contract, ReactionPart
from acci.store.registry import Catalogue

ANOTHER = "Keep it as it was, and make another reaction under a new name."


def reaction_changes(old: Contract, new: Contract, catalogue: Catalogue) -> Iterator[Change]:
    """Each with its verdict. What a rule decides is no part of it: the first decision on an event stands anyway."""
    for name, before in old.reactions.items():
        after = new.reactions.get(name)
        if after is None:
            what = "it is gone: nothing is decided any more"
            do = "Keep it until its outbox is empty and no timer of it waits; both stay as they are without it."
            yield Change("reaction", name, what, Verdict.BREAKS_REACTION, do)
            continue
        yield from _of_streams(name, before, after)
        yield from _of_events(name, before, after, catalogue)
        yield from _of_refusals(name, before, after)
    for name in new.reactions.keys() - old.reactions.keys():
        yield Change("reaction", name, "it is new", Verdict.COMPATIBLE)


def _of_streams(name: str, before: ReactionPart, after: ReactionPart) -> Iterator[Change]:
    if before.stream != after.stream:
        what = f"its class is {after.stream} now, it was {before.stream}: timers that fired before are in other streams"
        yield Change("reaction", name, what, Verdict.BREAKS_REACTION, "Keep the name of the class.")
    if before.stateful is not after.stateful:
        what = "it has a state now" if after.stateful else "it has no state any more"
        yield Change("reaction", name, what, Verdict.COMPATIBLE)


def _of_events(name: str, before: ReactionPart, after: ReactionPart, catalogue: Catalogue) -> Iterator[Change]:
    today = {each: _today(each, catalogue) for each in before.events}
    for event, key in before.events.items():
        called = today[event]
        if called not in after.events:
            what = f"it does not handle {event} any more"
            yield Change("reaction", name, what, Verdict.BREAKS_REACTION, "Keep the rule, or the fold, of the event.")
        elif key != after.events[called]:
            what = f"the key of {called} is {_key(after.events[called])} now, it was {_key(key)}"
            stored = catalogue.stored[called].stored_names() if called in catalogue.stored else (called,)
            yield Change(
                "reaction", name, f"{what}: order and state go by it", Verdict.BREAKS_REACTION, ANOTHER, events=stored
            )
        elif event in before.decides_on and called not in after.decides_on:
            what = f"nothing follows from {called} any more"
            yield Change("reaction", name, what, Verdict.BREAKS_REACTION, "Keep the rule of the event.")
    for event in after.events.keys() - set(today.values()):
        what = f"it handles {event} too, from where it stands"
        yield Change("reaction", name, what, Verdict.COMPATIBLE)
    known = {today[event] for event in before.events if event not in before.decides_on}
    for event in sorted(known.intersection(after.decides_on)):
        yield Change("reaction", name, f"it decides on {event} too, from where it stands", Verdict.COMPATIBLE)


def _of_refusals(name: str, before: ReactionPart, after: ReactionPart) -> Iterator[Change]:
    for command in before.refusals:
        if command not in after.refusals:
            what = f"nothing follows any more if {command} is refused"
            yield Change("reaction", name, what, Verdict.BREAKS_REACTION, f"Keep the method with @refused({command}).")
    for command in after.refusals:
        if command not in before.refusals:
            yield Change("reaction", name, f"it decides if {command} is refused, too", Verdict.COMPATIBLE)


def _today(event: str, catalogue: Catalogue) -> str:
    """What an event is called today."""
    return catalogue.stored[event].event_type() if event in catalogue.stored else event


def _key(field: str | None) -> str:
    return "the aggregate's id" if field is None else field
