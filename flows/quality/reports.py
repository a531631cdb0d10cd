"""What a quality suite came to on a generation, expectation by expectation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acci.domain.quality import Expectation


@dataclass(frozen=True)
class Result:
    """The result of one expectation: `failing` rows (None: it is not about rows), the keys of the first of them.

    Nothing else of a row is kept, since results are logged. `error` is set if it could not be checked, which says
    nothing about the rows.
    """

    expectation: Expectation
    passed: bool
    failing: int | None
    rows: tuple[Mapping[str, Any], ...]
    observed: str = ""
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.expectation} could not be checked: {self.error}"
        if self.failing is None:
            return f"{self.expectation} does not hold{self.observed and ': '}{self.observed}."
        shown = "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in self.rows[:3])
        return f"{self.expectation} does not hold for {self.failing:,} rows, such as {shown}."


@dataclass(frozen=True)
class Report:
    """The result of a suite on a generation; `extent` says on which of its rows."""

    projection: str
    generation: int
    extent: str
    results: tuple[Result, ...]
    seconds: float

    @property
    def failures(self) -> list[Result]:
        return [result for result in self.results if not result.passed]
