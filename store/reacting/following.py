"""Reactions kept at the log: timers that are due fire, new events are decided; delivering is done beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from acci.domain.errors import AcciError
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.projecting.following import Notify, poll
from acci.store.reacting import timers
from acci.store.reacting.batches import Batcher, Decided
from acci.store.reacting.registrations import (
    RESTORED,
    ReactionBusy,
    ReactionPaused,
    Registration,
    pause,
    prepare,
    registered,
)
from acci.store.registry import Catalogue
from acci.store.telemetry import Tracing

PATIENCE = 0.02  # seconds to wait for appends under way: the next poll comes soon


@dataclass
class Totals:
    """What was done for one reaction so far; `refused`: why it could not go on, if it could not."""

    events: int = 0
    effects: int = 0
    fired: int = 0
    parked: int = 0
    dead_letters: int = 0
    changed: int = 0
    refused: str | None = None

    def add(self, batch: Decided) -> None:
        self.events += batch.events
        self.effects += batch.effects
        self.parked += batch.parked
        self.dead_letters += batch.dead_letters
        self.changed += len(batch.changed)


@dataclass
class Reactor:
    """Decides for the reactions `names`, a `step` at a time; those that are new are registered first.

    `notify` is called with a reaction's name and a sentence, once for each problem. With `after_promotion` they go on
    after a standby was promoted; without, they are paused.
    """

    connection: Connection
    catalogue: Catalogue
    names: Sequence[str]
    notify: Notify
    after_promotion: bool = False
    totals: dict[str, Totals] = field(default_factory=dict)
    _batchers: dict[str, Batcher] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reactions = [self.catalogue.reaction(name) for name in self.names]
        prepare(self.connection, reactions, self.after_promotion)
        self._batchers = {each.name: Batcher(self.connection, self.catalogue, each) for each in reactions}
        self.totals |= {name: Totals() for name in self.names if name not in self.totals}

    def step(self) -> int:
        """Fire what is due, decide what is new, one batch for each; 0 if there was nothing. Each once."""
        moved = 0
        for name in timers.due(self.connection, self.names):
            moved += self._guarded(name, self._fire)
        mark = high_water.establish(self.connection, PATIENCE)
        known = registered(self.connection)
        for name in self.names:
            moved += self._decide(known[name], mark)
        return moved

    def _fire(self, name: str) -> int:
        fired = timers.fire(self.connection, name)
        self.totals[name].fired += fired
        return fired

    def _decide(self, here: Registration, mark: high_water.HighWater) -> int:
        name = here.reaction
        if here.is_paused:
            self._say(name, f"paused: {here.reason}.")
            return 0
        if here.checkpoint >= mark.position:
            if high_water.end_before(self.connection, here.checkpoint, mark.head) is not None:
                pause(self.connection, name, RESTORED)
            return 0
        return self._guarded(name, lambda name: self._batch(name, mark.position))

    def _batch(self, name: str, bound: int) -> int:
        done = self._batchers[name].decide(bound)
        self.totals[name].add(done)
        if done.dead_letters:
            self._say(name, f"{done.dead_letters} events could not be decided: see `acci reactions dead-letters list`.")
        if done.changed:
            self._say(
                name,
                f"{len(done.changed)} events would be decided otherwise by today's code; the first decision stands.",
            )
        seen = done.events + done.parked + done.dead_letters
        return seen or int(done.checkpoint < bound)  # a whole page of other reactions' own events

    def _guarded(self, name: str, act: Callable[[str], int]) -> int:
        try:
            return act(name)
        except (ReactionBusy, ReactionPaused):
            return 0  # another runner is at it, or it was paused just now; the next step looks again
        except AcciError as refusal:
            if refusal.transient:
                raise
            self.totals[name].refused = str(refusal)
            self._say(name, str(refusal))
            return 0

    def _say(self, name: str, what: str) -> None:
        if self._said.get(name) != what:
            self._said[name] = what
            self.notify(name, what)


def react(reactor: Reactor) -> dict[str, Totals]:
    """Until nothing is due and nothing is new; what was done, by reaction."""
    while reactor.step():
        pass
    return reactor.totals


def follow_reactions(
    database_url: str,
    catalogue: Catalogue,
    names: Sequence[str],
    interval: float,
    stop: Callable[[], bool],
    notify: Notify,
    keys: Keys | None = None,
    tracing: Tracing | None = None,
    after_promotion: bool = False,
) -> dict[str, Totals]:
    """React until `stop()`, polling every `interval` seconds; what was done. Reconnects after a lost connection."""
    totals: dict[str, Totals] = {name: Totals() for name in names}

    def stepping(connection: Connection) -> Callable[[], int]:
        return Reactor(connection, catalogue, names, notify, after_promotion, totals).step

    poll(database_url, "react", stepping, interval, stop, notify, keys, tracing)
    return totals
