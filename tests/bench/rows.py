"""What a measurement gives: rows for one table."""

from typing import NamedTuple


class Row(NamedTuple):
    """A figure in its unit; `ratio` is that to the figure it is held against, if there is one."""

    name: str
    figure: float
    unit: str
    ratio: float | None = None
