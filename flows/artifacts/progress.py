"""Progress of a task: in the log, and as a bar in the run's artifacts."""

import time
from typing import Any
from uuid import UUID

from acci.flows.artifacts.charts import lines
from acci.flows.artifacts.tables import show_chart
from acci.store.extras import needs
from acci.store.projecting.batches import Progress

with needs("flows"):
    from prefect.artifacts import create_progress_artifact, update_progress_artifact
    from prefect.logging import get_run_logger

UPDATE_INTERVAL_SECONDS = 2.0
MIN_CHART_POINTS = 5  # fewer points make no useful chart


class ProgressBar:
    """Call it with each `Progress`; it logs and updates the bar at most every two seconds."""

    def __init__(self, what: str, unit: str = "positions") -> None:
        self._what, self._unit = what, unit
        self._began = self._updated = time.monotonic()
        self._artifact: UUID | None = None
        self._rates: list[tuple[float, float]] = []  # seconds since the beginning, units a second since the last update
        self._done = 0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._updated < UPDATE_INTERVAL_SECONDS:
            return
        since, self._updated = now - self._updated, now
        done, whole = progress.checkpoint - progress.start, max(progress.target - progress.start, 1)
        rate = done / (now - self._began)
        left = (whole - done) / rate if rate else 0.0
        text = f"{self._what}: {done:,} of {whole:,} {self._unit}, {rate:,.0f}/s, about {left:,.0f} s left"
        self._rates.append((now - self._began, (done - self._done) / since))
        self._done = done
        get_run_logger().info(text)
        self._show(100 * done / whole, text)

    def finish(self) -> None:
        """Complete the bar, if it was shown; after a long task, show a chart of its speed."""
        if self._artifact is not None:
            self._show(100.0, f"{self._what}: done")
        if len(self._rates) >= MIN_CHART_POINTS:
            chart = lines(f"{self._what}: {self._unit} a second", {self._unit: self._rates}, "seconds")
            show_chart("rate", chart, f"How fast: {self._what}")

    def _show(self, percent: float, text: str) -> None:
        if self._artifact is None:
            made: Any = create_progress_artifact(progress=percent, description=text)
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, progress=percent, description=text)
