"""Placement: a projection's actions spread over lanes, so that within a lane an event type has one action."""

from collections.abc import Iterable
from dataclasses import dataclass

from acci.domain.projections import Projection
from acci.domain.projections.rules import Action
from acci.domain.projections.verbs import Verb


@dataclass(frozen=True, eq=False)
class Placed:
    """An action with its place: the stored names of the event that it is for, and its lane.

    Example: a rule returns [Upsert(...), Delete(...)] for OrderMoved; the Upsert is in lane 0, the Delete in lane 1.
    """

    event_types: tuple[str, ...]
    lane: int
    action: Action


def place(projection: type[Projection]) -> list[Placed]:
    """The projection's actions, in the order of an event's rules."""
    placed: list[Placed] = []
    for event in projection.events():
        actions = [action for rule in projection.rules if rule.event is event for action in rule.actions]
        placed += [Placed(event.stored_names(), lane, action) for lane, action in enumerate(actions)]
    return placed


def with_verbs(placed: Iterable[Placed], *verbs: type[Verb]) -> list[Placed]:
    """Those whose action is one of `verbs`."""
    return [each for each in placed if each.action.verb in verbs]


def types_of(placed: Iterable[Placed]) -> list[str]:
    """The stored names of their events."""
    return [name for each in placed for name in each.event_types]
