"""A fold in Python rebuilt and caught up: beside hand-written SQL, the library's projection runner, and row by row.

All but the library keep the same rows from the same events; its events are its own, ten a person as well. The ratio to
the library's rate is the promise.
"""

from functools import partial

from acci.store.postgres.database import connect
from tests.bench import library_projection, one_by_one
from tests.bench.activity import UserFold
from tests.bench.catch_up import BATCH_SIZE, catch_up
from tests.bench.ground import Ground
from tests.bench.hand import Hand
from tests.bench.library import NAME
from tests.bench.rebuild import rebuild
from tests.bench.rows import Row
from tests.bench.turns import medians

PROMISE = "≥ 20"
WHOLE, SAMPLE, COMMITS = 200_000, 10_000, (1, 100)  # events; events of the slow ways; events a commit
TURNS = 3


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """Rates, in events a second; the slow ways on a sample, which they have no smaller a rate on."""
    events, turns = min(events, WHOLE), min(turns, TURNS)
    sample = min(events, SAMPLE)
    by_hand = _by_hand(ground, events, turns)
    slow = _row_by_row(ground, sample) | {f"{NAME}, projection runner": _library(ground, sample)}
    whole = {
        "UserFold, rebuilt, one partition": partial(rebuild, ground.history(events), UserFold, 1),
        "UserFold, rebuilt": partial(rebuild, ground.history(events), UserFold),
        "UserFold, caught up": partial(catch_up, ground.history(events), UserFold),
    }
    ours = {name: events / seconds for name, seconds in medians(whole, turns).items()}
    library = min(rate for name, rate in slow.items() if NAME in name)
    rows = [Row(name, rate, "events/s") for name, rate in (by_hand | slow).items()]
    return [*rows, *(Row(name, rate, "events/s", rate / library, PROMISE) for name, rate in ours.items())]


def _by_hand(ground: Ground, events: int, turns: int) -> dict[str, float]:
    url = ground.history(events)
    hand = Hand(url, UserFold, like="user_view")
    ways = {
        "rebuilt by hand, insert_select": partial(hand.rebuild, "insert_select"),
        "caught up by hand, merge": partial(hand.catch_up, "merge", events, BATCH_SIZE),
    }
    taken = medians(ways, turns)
    _check(url, hand)
    return {name: events / seconds for name, seconds in taken.items()}


def _row_by_row(ground: Ground, events: int) -> dict[str, float]:
    url, rates = ground.history(events), {}
    hand = Hand(url, UserFold, like="user_view")
    for a_commit in COMMITS:
        seconds = one_by_one.catch_up(url, hand, a_commit)
        rates[f"one statement an event, {a_commit} a commit"] = events / seconds
        _check(url, hand)
    return rates


def _check(url: str, hand: Hand) -> None:
    rebuild(url, UserFold, 1)
    with connect(url, "bench") as connection:
        hand.check(connection)


def _library(ground: Ground, events: int) -> float:
    url = ground.database()
    last = library_projection.history(url, events)
    return events / library_projection.catch_up(url, last)
