"""Reactions run by one process: timers fire, events are decided, and what follows is delivered."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from acci.store.postgres.database import Connection, connect
from acci.store.postgres.keys import Keys
from acci.store.projecting.following import Notify
from acci.store.reacting.delivering import Delivered, Deliverer, deliver
from acci.store.reacting.following import Reactor, Totals, follow_reactions, react
from acci.store.reacting.registrations import prepare
from acci.store.reacting.routes import Routes
from acci.store.registry import Catalogue
from acci.store.telemetry import Tracing


@dataclass(frozen=True)
class Done:
    """What was done, by reaction."""

    decided: Mapping[str, Totals]
    delivered: Mapping[str, Delivered] = field(default_factory=dict)


def run_until_done(
    connection: Connection,
    catalogue: Catalogue,
    names: Sequence[str],
    routes: Routes,
    notify: Notify,
    after_promotion: bool = False,
) -> Done:
    """Until nothing of the reactions `names` is left that is due: to fire, to decide, or to deliver.

    Also what follows from the commands that are sent meanwhile. What failed, and is to be tried again later, is left.
    """
    reactor = Reactor(connection, catalogue, names, notify, after_promotion)
    with Deliverer(connection, catalogue, routes, notify, names=names) as deliverer:
        react(reactor)
        while deliverer.step().ended:
            react(reactor)
        return Done(reactor.totals, deliverer.totals)


def keep_running(
    database_url: str,
    catalogue: Catalogue,
    names: Sequence[str],
    routes: Routes,
    interval: float,
    stop: Callable[[], bool],
    notify: Notify,
    keys: Keys | None = None,
    tracing: Tracing | None = None,
    after_promotion: bool = False,
) -> Done:
    """The same until `stop()`: the log is polled every `interval` seconds, and what is decided leaves beside that.

    Reconnects after a lost connection. `notify` is called from two threads.
    """
    ended = threading.Event()

    def is_over() -> bool:
        return ended.is_set() or stop()

    def delivering() -> Mapping[str, Delivered]:
        try:
            return deliver(database_url, catalogue, routes, is_over, notify, keys, tracing, names)
        finally:
            ended.set()

    with connect(database_url, "react", "project", keys=keys, tracing=tracing) as connection:
        # Before anything leaves: reactions of a restored backup are paused.
        prepare(connection, [catalogue.reaction(name) for name in names], after_promotion)
    with ThreadPoolExecutor(1, "acci-deliver") as beside:
        leaving = beside.submit(delivering)
        try:
            decided = follow_reactions(
                database_url, catalogue, names, interval, is_over, notify, keys, tracing, after_promotion
            )
        finally:
            ended.set()
        return Done(decided, leaving.result())
