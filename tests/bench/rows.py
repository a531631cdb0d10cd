"""What a measurement gives: rows for one table, some of them points of a curve."""

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A figure in its unit; `ratio` is that to the figure it is held against.

    `promise` is a bound on the ratio, or on the figure itself where there is no ratio: "≤ 1.15". With `curve`, the row
    is also a point of the curve of that name, `at` so much of `along`.
    """

    name: str
    figure: float
    unit: str
    ratio: float | None = None
    promise: str = ""
    curve: str = ""
    at: float = 0
    along: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether what is promised was so; None where nothing is."""
        if not self.promise:
            return None
        sign, bound = self.promise.split()
        held = self.figure if self.ratio is None else self.ratio
        return held <= float(bound) if sign == "≤" else held >= float(bound)


PERCENTILES = (50, 95, 99)


def percentile(seconds: Sequence[float], percent: int) -> float:
    """The figure that so many per cent are at or below."""
    ordered = sorted(seconds)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def latencies(name: str, seconds: Sequence[float]) -> list[Row]:
    """The percentiles of how long each took, in milliseconds."""
    return [Row(f"{name}, p{percent}", percentile(seconds, percent) * 1000, "ms") for percent in PERCENTILES]
