"""Deciding beside the library's process runner: events a second, from the log to outcomes, outbox and states.

Each turn begins with nothing decided; the ratio is that to the library's rate.
"""

import time
from functools import partial

from acci.domain.reactions import Reaction
from acci.store.log import high_water
from acci.store.postgres.database import connect
from acci.store.reacting.batches import Batcher
from acci.store.reacting.registrations import register
from tests.bench.ground import Ground
from tests.bench.library import NAME
from tests.bench.reacting import library_process
from tests.bench.reacting.domain import CATALOGUE, EveryTenthChange, MessageForEach, MessageForOneInTen
from tests.bench.rows import Row
from tests.bench.turns import medians

WHOLE, SAMPLE, TURNS = 100_000, 5_000, 3  # events; events of the library; turns
PROMISES = {MessageForEach: "≥ 20000", MessageForOneInTen: "≥ 20000", EveryTenthChange: "≥ 8000"}


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """Rates of one runner, in events a second."""
    events, turns = min(events, WHOLE), min(turns, TURNS)
    url = ground.history(events)
    taken = medians({each.name: partial(decide, url, each) for each in PROMISES}, turns)
    sample = min(events, SAMPLE)
    library = sample / library_process.decide(ground.database(), sample)
    rows = [
        Row(f"{each.name}, decided", events / taken[each.name], "events/s", None, promise)
        for each, promise in PROMISES.items()
    ]
    rows += [Row(f"{row.name}, to the library", row.figure, "events/s", row.figure / library) for row in rows]
    return [Row(f"{NAME}, process runner", library, "events/s"), *rows]


def decide(url: str, reaction: type[Reaction]) -> float:
    """The seconds to decide on the whole log, from nothing."""
    with connect(url, "bench") as connection:
        mark = high_water.establish(connection).position
        connection.execute(
            "TRUNCATE acci.outcomes, acci.outbox, acci.outbox_heads, acci.processes, acci.timers, acci.undecided, "
            "acci.rewinds, acci.reactions"
        )
        register(connection, reaction, "beginning")
        batcher = Batcher(connection, CATALOGUE, reaction)
        began = time.perf_counter()
        while batcher.decide(mark).checkpoint < mark:
            pass
        return time.perf_counter() - began
