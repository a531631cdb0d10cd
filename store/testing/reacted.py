"""What a reaction decided in a test, and what was expected of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from acci.domain.commands import CommandData
from acci.domain.effects import Effect
from acci.domain.errors import DefinitionError
from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction
from acci.store.reacting.deciding import Decision
from acci.store.reacting.own_events import is_told
from acci.store.testing.contexts import only_reaction
from acci.store.testing.differences import difference, listed
from acci.store.testing.histories import Happened
from acci.store.testing.reaction_in_memory import ReactionInMemory


@dataclass(frozen=True)
class Reacted:
    """What followed from an event: the `effects`, in order, and the `state` of its key after it.

    Each method says what is expected, and raises AssertionError if it is not so.
    """

    reaction: type[Reaction]
    event: RecordedEvent[Any]
    effects: tuple[Effect, ...]
    state: Any

    def then(self, *expected: Effect) -> "Reacted":
        """Just these effects followed, in this order."""
        __tracebackhide__ = True
        same = len(expected) == len(self.effects) and all(
            type(found) is type(wanted) and found == wanted
            for found, wanted in zip(self.effects, expected, strict=True)
        )
        if not same:
            lines = difference(list(map(repr, expected)), list(map(repr, self.effects)))
            raise AssertionError(f"{self._subject()} decided otherwise (- expected, + decided):{lines}")
        return self

    def nothing(self) -> "Reacted":
        """Nothing followed."""
        __tracebackhide__ = True
        if self.effects:
            raise AssertionError(
                f"{self._subject()} was to decide nothing. It decided:{listed(map(repr, self.effects))}"
            )
        return self

    def _subject(self) -> str:
        return f"{self.reaction.__name__} on {self.event.data!r:.200}"


def reacted(history: Sequence[Happened], event: Happened, reaction: type[Reaction] | None) -> Reacted:
    """What follows from the event after this history, by what decides in production.

    Raises what the reaction's code does, and what storing or delivering what it decided would.
    """
    chosen = reaction or only_reaction([type(event.data)], lambda each: type(event.data) in each.handles())
    decision = _after(history, chosen).happens(event)
    if decision is None:
        name = event.data.event_type()
        raise DefinitionError(f"Reaction {chosen.__name__}", f"it does not handle this {name}; nothing could follow.")
    return _of(decision)


def fired(history: Sequence[Happened], name: str, reaction: type[Reaction] | None, key: str | None) -> Reacted:
    """What follows when a timer that the history set, and did not cancel, comes due."""
    return _of(_after(history, reaction or _only(history)).fires(name, key))


def refused(
    history: Sequence[Happened],
    command: type[CommandData],
    reason: str,
    reaction: type[Reaction] | None,
    key: str | None,
) -> Reacted:
    """What follows when the last such command that the history led to is refused."""
    chosen = reaction or _only(history, command)
    return _of(_after(history, chosen).is_refused(command, reason, key))


def _only(history: Sequence[Happened], command: type[CommandData] | None = None) -> type[Reaction]:
    """The only reaction that handles some of the history, and is told of the command's refusal."""
    events = {type(each.data) for each in history}
    return only_reaction(
        (type(each.data) for each in history),
        lambda each: bool(events & each.handles()) and (command is None or is_told(each, command.__name__)),
    )


def _after(history: Sequence[Happened], reaction: type[Reaction]) -> ReactionInMemory:
    running = ReactionInMemory(reaction)
    for each in history:
        running.happens(each)
    return running


def _of(decision: Decision) -> Reacted:
    cause = decision.cause
    return Reacted(cause.reaction, cause.event, decision.effects, decision.after.state)
