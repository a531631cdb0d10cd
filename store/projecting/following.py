"""Following: read models kept within a second of the log, without a scheduled run each time.

A follower polls the high-water mark a few times a second and applies new events in ordinary batches. It holds no
lock between batches, so rebuilds can swap and other runners work beside it; it continues on what they publish.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from acci.domain.errors import AcciError
from acci.store.generations.generations import Busy, Generation
from acci.store.generations.live import on_live
from acci.store.generations.table_definition import require_fit
from acci.store.log import high_water
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.keys import Keys
from acci.store.postgres.refusals import first_line, is_transient
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.batches import BATCH_SIZE, apply_batch, require_within_log
from acci.store.projecting.ranges import Applier
from acci.store.registry import Catalogue
from acci.store.telemetry import Tracing

LONGEST_PAUSE = 5.0  # seconds
PATIENCE = 0.02  # seconds to wait for appends under way: the next poll comes soon
Notify = Callable[[str, str], None]


@dataclass
class Follower:
    """Keeps the projections `names` up to date, a `step` at a time. `notify` is called once for each refusal."""

    connection: Connection
    catalogue: Catalogue
    names: list[str]
    notify: Notify
    ready: dict[str, tuple[int, Applier]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def step(self) -> int:
        """Apply what is new, at most one batch for each projection; the rows changed. Exactly once, as any batch."""
        mark = high_water.establish(self.connection, PATIENCE)
        changed = 0
        for name in self.names:
            try:
                changed += self._advance(name, mark)
            except Busy:
                continue  # a swap or another runner holds it; the next step tries again
            except AcciError as refusal:
                if refusal.transient:
                    raise
                self._refuse(name, refusal)
        return changed

    def _advance(self, name: str, mark: high_water.HighWater) -> int:
        return on_live(self.connection, name, lambda generation: self._apply(name, generation, mark))

    def _apply(self, name: str, generation: Generation, mark: high_water.HighWater) -> int:
        if generation.checkpoint >= mark.position:
            require_within_log(self.connection, generation, mark.head)
            return 0
        applied = apply_batch(self.connection, self._applier(name, generation), generation, mark.position, BATCH_SIZE)
        if applied.dead_letters:
            self.notify(name, f"{applied.dead_letters} events could not be applied: see `acci dead-letters list`.")
        self.refused.pop(name, None)
        return applied.rows

    def _applier(self, name: str, generation: Generation) -> Applier:
        """The applier of the live generation; checked and compiled when the generation is first seen."""
        number, applier = self.ready.get(name, (0, None))
        if applier is None or number != generation.generation:
            projection = self.catalogue.projection(name)
            require_fit(self.connection, self.catalogue, projection, generation)
            applier = applier_of(self.connection, projection, generation)
            self.ready[name] = (generation.generation, applier)
        return applier

    def _refuse(self, name: str, refusal: AcciError) -> None:
        if self.refused.get(name) != str(refusal):
            self.refused[name] = str(refusal)
            self.notify(name, str(refusal))


def follow(
    database_url: str,
    catalogue: Catalogue,
    names: list[str],
    interval: float,
    stop: Callable[[], bool],
    notify: Notify,
    keys: Keys | None = None,
    tracing: Tracing | None = None,
) -> int:
    """Follow until `stop()`, polling every `interval` seconds; the rows changed. Reconnects after a lost connection."""

    def stepping(connection: Connection) -> Callable[[], int]:
        return Follower(connection, catalogue, names, notify).step

    return poll(database_url, "follow", stepping, interval, stop, notify, keys, tracing)


def poll(
    database_url: str,
    purpose: str,
    stepping: Callable[[Connection], Callable[[], int]],
    interval: float,
    stop: Callable[[], bool],
    notify: Notify,
    keys: Keys | None = None,
    tracing: Tracing | None = None,
) -> int:
    """Take steps until `stop()`, with a pause of `interval` seconds after one that did nothing; what they did in all.

    `stepping` makes the step of a connection; a lost one is opened again, with more and more patience.
    """
    done, pause = 0, interval
    while not stop():
        try:
            with connect(database_url, purpose, "project", keys=keys, tracing=tracing) as connection:
                step = stepping(connection)
                while not stop():
                    moved = step()
                    done, pause = done + moved, interval
                    if not moved:
                        time.sleep(interval)
        except (psycopg.Error, AcciError) as error:
            if not is_transient(error):
                raise
            notify("database", f"lost, trying again: {first_line(error)}")
            pause = min(pause * 2, LONGEST_PAUSE)
            time.sleep(pause)
    return done
