"""The recipe of a rebuild, for as many projections as are asked for: the log is read in one pass for all of them."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from acci.flows.runtime.rebuild_tasks import (
    Filled,
    Orders,
    begin,
    check,
    fill,
    finish,
    look_ahead,
    publish,
    retain,
)
from acci.flows.runtime.session import session
from acci.store.generations import generations
from acci.store.generations.generations import Busy, Generation, Partition
from acci.store.rebuilding.fill_order import in_one_pass
from acci.store.rebuilding.plan import Counts


@dataclass(frozen=True)
class Outcome:
    """What became of one projection, as a row of the run's table; `filled_by` names the processes, as host/number."""

    projection: str
    did: str
    generation: int = 0
    checkpoint: int = 0
    rows: int = 0
    seconds: float = 0.0
    filled_by: str = ""
    failed: bool = False


@dataclass
class Work:
    """A generation in the making: its partitions, and what was submitted to fill them, each one's pieces in order."""

    generation: Generation
    partitions: tuple[Partition, ...]
    began: float
    fills: list[PrefectFuture[Filled]] = field(default_factory=list)
    latest: dict[int, PrefectFuture[Filled]] = field(default_factory=dict)

    def failed(self) -> State[Any] | None:
        """The state of the first fill that has failed; waits for all."""
        for future in self.fills:
            future.wait()
        return next((future.state for future in self.fills if not future.state.is_completed()), None)


def rebuild_all(names: list[str], counts: Counts, shares: int, at_once: int, orders: Orders) -> list[Outcome]:
    """Begin all, fill them in one pass, at most `at_once` partitions at the same time; then check and publish each."""
    outcomes: dict[str, Outcome] = {}
    begun: dict[str, Work] = {}
    with session("rebuild") as (connection, _), ExitStack() as turns:
        for name in names:
            try:
                turns.enter_context(generations.exclusive_run(connection, name, "rebuild"))
            except Busy as busy:
                outcomes[name] = Outcome(name, str(busy), failed=True)
                continue
            work = start(name, shares, counts, orders)
            if isinstance(work, Outcome):
                outcomes[name] = work
            else:
                begun[name] = work
        fill_all(begun.values(), at_once)
        for name, work in begun.items():
            outcomes[name] = complete(work, orders)
    return [outcomes[name] for name in names]


def start(name: str, shares: int, counts: Counts, orders: Orders) -> Work | Outcome:
    """Plan and begin one projection; what became of it if that fails."""
    began = time.monotonic()
    planned = look_ahead(name, shares, counts, return_state=True)
    if not planned.is_completed():
        return Outcome(name, said(planned), failed=True)
    state = begin(name, shares, orders.fresh, orders.allow_older_rules, return_state=True)
    if not state.is_completed():
        return Outcome(name, said(state), failed=True)
    generation, partitions = state.result()
    return Work(generation, partitions, began)


def fill_all(begun: Iterable[Work], at_once: int) -> None:
    """Submit what is missing of the partitions, range by range of the log, as there is room."""
    works = {work.generation.generation: work for work in begun}
    submitted: list[PrefectFuture[Filled]] = []
    for piece in in_one_pass(part for work in works.values() for part in work.partitions):
        work = works[piece.generation]
        before = work.latest.get(piece.partition)
        if before is not None:
            before.wait()
            if not before.state.is_completed():
                continue
        if len(submitted) >= at_once:
            submitted[-at_once].wait()
        work.latest[piece.partition] = fill.submit(work.generation, piece)
        work.fills.append(work.latest[piece.partition])
        submitted.append(work.latest[piece.partition])


def complete(work: Work, orders: Orders) -> Outcome:
    """Bring a generation whose partitions are being filled before its readers, through the gate."""
    generation, name = work.generation, work.generation.projection
    failed = work.failed()
    if failed is not None:
        return Outcome(name, said(failed), generation.generation, failed=True)
    filled = [future.result() for future in work.fills]
    for number, last in work.latest.items():
        get_run_logger().info("%s: partition %s was filled by process %s", name, number + 1, last.result().by)
    rows, by = sum(each.rows for each in filled), ", ".join(sorted({each.by for each in filled}))
    for step in (finish, check, publish, retain):
        state = step(generation, orders, return_state=True)
        if not state.is_completed():
            return Outcome(name, said(state), generation.generation, rows=rows, filled_by=by, failed=True)
        generation = state.result()
    seconds = round(time.monotonic() - work.began, 1)
    return Outcome(name, "published", generation.generation, generation.checkpoint, rows, seconds, by)


def said(state: State[Any], otherwise: str = "failed") -> str:
    """What a task that failed says; `otherwise` if it did not."""
    return otherwise if state.is_completed() else state.message or otherwise
