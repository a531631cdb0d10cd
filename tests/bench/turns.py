"""Ways of doing the same, timed in turns, so that what else the machine does meets them all."""

import statistics
from collections.abc import Callable, Mapping

Way = Callable[[], float]  # does it once; the seconds it took


def medians(ways: Mapping[str, Way], turns: int) -> dict[str, float]:
    """The median seconds of each way over so many turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
