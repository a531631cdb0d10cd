"""What a measurement gives: rows for one table."""

from typing import NamedTuple


class Row(NamedTuple):
    """A figure in its unit; `ratio` is that to the figure it is held against, `promise` a bound on it: "≤ 1.15"."""

    name: str
    figure: float
    unit: str
    ratio: float | None = None
    promise: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the ratio is within the promise; None without one."""
        if self.ratio is None or not self.promise:
            return None
        sign, bound = self.promise.split()
        return self.ratio <= float(bound) if sign == "≤" else self.ratio >= float(bound)
