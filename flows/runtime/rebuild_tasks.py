"""The tasks of a rebuild: count and plan; and one task that takes any step of the recipe. Each can be run again."""

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from acci.flows.artifacts.progress import ProgressBar
from acci.flows.artifacts.rebuild_plan import shares_of
from acci.flows.artifacts.tables import show_plan, show_verdict
from acci.flows.quality.gate import quality_checks
from acci.flows.runtime.retrying import step
from acci.flows.runtime.session import session
from acci.store.extras import needs
from acci.store.generations.view import ColumnsInUse
from acci.store.log.positions import end_of_stride
from acci.store.rebuilding import build
from acci.store.rebuilding.build import Build, Step, StepContext
from acci.store.rebuilding.partitions import in_one_pass
from acci.store.rebuilding.plan import Counts, Plan, count_events, plan

with needs("flows"):
    from prefect.client.schemas.objects import State
    from prefect.futures import PrefectFuture


@step("count events")
def count(projections: list[str]) -> Counts:
    """The events that the projections handle, counted for all their plans in one reading of the log."""
    with session("rebuild") as (connection, catalogue):
        return count_events(connection, [catalogue.projection(name) for name in projections])


@step("plan {projection}")
def make_plan(projection: str, partitions: int, counts: Counts) -> Plan:
    """The plan of the rebuild; refused if a view depends on columns that would be removed."""
    with session("rebuild") as (connection, catalogue):
        projected = catalogue.projection(projection)
        made = plan(connection, catalogue, projected, shares_of(projected, partitions), counts)
    show_plan(made)
    if made.breaks:
        raise ColumnsInUse(projection, "; ".join(made.breaks))
    return made


@dataclass(frozen=True)
class Taken:
    """The result of a step: the build after it, and the process that took it, as host/number."""

    build: Build
    by: str


@step("{taken.__name__} {build}")
def take(taken: Step, build: Build) -> Taken:
    """Take one step of the recipe, with a connection of its own; see the step's docstring for its result."""
    bar = ProgressBar(f"{taken.__name__} {build}")
    with session("rebuild") as (connection, catalogue):
        projection = catalogue.projection(build.projection)
        context = StepContext(connection, catalogue, projection, bar, quality_checks, show_verdict)
        left = taken(build, context)
    bar.finish()
    return Taken(left, f"{socket.gethostname()}/{os.getpid()}")


@dataclass
class Filling:
    """A build whose partitions are being filled by tasks, each partition piece by piece."""

    build: Build
    began: float  # time.monotonic()
    pieces: list[PrefectFuture[Taken]] = field(default_factory=list)
    latest: dict[int, PrefectFuture[Taken]] = field(default_factory=dict)  # of each partition

    def wait(self) -> State[Any] | None:
        """Wait for all pieces; the state of the first that failed."""
        for future in self.pieces:
            future.wait()
        return next((future.state for future in self.pieces if not future.state.is_completed()), None)

    def filled(self) -> list[Taken]:
        return [future.result() for future in self.pieces]


def fill_all(begun: Iterable[Filling], at_once: int) -> None:
    """Submit what is still to fill, range by range of the log, at most `at_once` pieces at the same time."""
    fillings = {filling.build.generation.generation: filling for filling in begun}
    submitted: list[PrefectFuture[Taken]] = []
    with session("rebuild") as (connection, _):
        end = partial(end_of_stride, connection)
        pieces = in_one_pass((part for filling in fillings.values() for part in filling.build.partitions), end)
    for piece in pieces:
        filling = fillings[piece.generation]
        before = filling.latest.get(piece.partition)
        if before is not None:
            before.wait()
            if not before.state.is_completed():
                continue
        if len(submitted) >= at_once:
            submitted[-at_once].wait()
        future = take.submit(build.fill, replace(filling.build, partitions=(piece,)))
        filling.latest[piece.partition] = future
        filling.pieces.append(future)
        submitted.append(future)
