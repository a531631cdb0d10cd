"""The flow that rebuilds read models: builds new generations beside the live ones, checks them, swaps them in."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.tables import some_failed
from acci.flows.quality.gate import require_library
from acci.flows.runtime.parameters import AllStaleOrOne
from acci.flows.runtime.rebuild_tasks import Filling, count, fill_all, make_plan, take
from acci.flows.runtime.retrying import refusing
from acci.flows.runtime.run_names import add_to_name, rebuild_run_name
from acci.flows.runtime.session import catalogue, projection_names, session
from acci.flows.runtime.task_runners import chosen_runner
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.generations import generations
from acci.store.generations.generations import Busy
from acci.store.rebuilding.build import STEPS, Build, RebuildOptions
from acci.store.rebuilding.gate import CHANGES_ALLOWED, GateThresholds
from acci.store.rebuilding.plan import Counts
from acci.store.rebuilding.staleness import stale

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed

BEGIN, _, *AFTER_FILL = STEPS  # in between, `fill_all` fills the partitions of all projections in one pass


@dataclass(frozen=True)
class Outcome:
    """The outcome of one projection, as a row of the run's table; `filled_by` names the processes, as host/number."""

    projection: str
    did: str
    generation: int = 0
    checkpoint: int = 0
    rows: int = 0
    seconds: float = 0.0
    filled_by: str = ""
    failed: bool = False


@flow(name="rebuild", flow_run_name=rebuild_run_name, task_runner=chosen_runner(), timeout_seconds=allowed_seconds())
@refusing
def rebuild(
    projection: Annotated[AllStaleOrOne, Field(title="Projections")],
    dry_run: Annotated[bool, Field(title="Dry run")] = False,
    partitions: Annotated[int, Field(title="Partitions", ge=0, le=64)] = 0,
    allow_dead_letters: Annotated[bool, Field(title="Allow dead letters")] = False,
    changes_allowed: Annotated[int, Field(title="Changes allowed", ge=0, le=100)] = CHANGES_ALLOWED,
    keep: Annotated[int, Field(title="Keep", ge=0, le=100)] = 1,
    fresh: Annotated[bool, Field(title="Fresh")] = False,
    allow_older_rules: Annotated[bool, Field(title="Allow older rules")] = False,
) -> "State[Any]":  # quoted: Dask pickles the flow, annotations too, and that class exists in this process only
    """Build new generations beside the live ones, in parallel partitions, check them, and swap them in.

    Readers see the old generation until the swap, which is one transaction. If anything fails, the live generation
    stays as it was, and a rerun resumes with the partitions that are not done. One projection's failure does not stop
    the others; the run then fails, and its table says which.

    Args:
        projection: One projection, all of them, or stale: those that need it.
        dry_run: Only show what would happen: why, what is read, how long, what depends on it.
        partitions: Partitions of the keys that are built at the same time; 0 for one a core. A projection for which
            the order of events does not matter is built in one, which PostgreSQL reads in parallel.
        allow_dead_letters: Publish even if some events could not be applied; their keys stay parked.
        changes_allowed: Percentage of the live rows that may be removed or changed; above it, nothing is published.
        keep: How many old generations are kept for a rollback.
        fresh: Start over, and discard what an interrupted rebuild left.
        allow_older_rules: Build by this program's rules even if the live rows were made by newer ones.
    """
    names = stale_names() if projection.strip() == "stale" else projection_names(projection)
    if not names:
        return Completed(name="NothingToDo", message="No read model needs a rebuild.")
    at_once = partitions or os.cpu_count() or 1
    # Each partition reads the whole log, so building several projections at once beats many partitions for each.
    shares = max(1, at_once // len(names))
    counts = count(names)
    if dry_run:
        plans = [(name, make_plan(name, shares, counts, return_state=True)) for name in names]
        outcomes = [
            Outcome(name, message_of(state, "planned"), failed=not state.is_completed()) for name, state in plans
        ]
        return ended(outcomes, "planned; nothing was changed")
    require_library(catalogue(), names)
    thresholds = GateThresholds(allow_dead_letters, changes_allowed)
    options = RebuildOptions(shares, thresholds, keep, fresh, allow_older_rules)
    return ended(rebuild_all(names, counts, at_once, options), "rebuilt")


def rebuild_all(names: list[str], counts: Counts, at_once: int, options: RebuildOptions) -> list[Outcome]:
    """Begin all, fill them in one pass over the log, at most `at_once` partitions at a time; then check and publish."""
    outcomes: dict[str, Outcome] = {}
    begun: dict[str, Filling] = {}
    with session("rebuild") as (connection, _), ExitStack() as exclusive_runs:
        for name in names:
            try:
                exclusive_runs.enter_context(generations.exclusive_run(connection, name, "rebuild"))
            except Busy as busy:
                outcomes[name] = Outcome(name, str(busy), failed=True)
                continue
            started = start(name, counts, options)
            if isinstance(started, Outcome):
                outcomes[name] = started
            else:
                begun[name] = started
        fill_all(begun.values(), at_once)
        for name, filling in begun.items():
            outcomes[name] = complete(filling)
    return [outcomes[name] for name in names]


def start(name: str, counts: Counts, options: RebuildOptions) -> Filling | Outcome:
    """Plan and begin one projection, in as many partitions as its plan says; its outcome if that fails."""
    began = time.monotonic()
    planned = make_plan(name, options.partitions, counts, return_state=True)
    if not planned.is_completed():
        return Outcome(name, message_of(planned), failed=True)
    options = replace(options, partitions=planned.result().partitions)
    state = take(BEGIN, Build(name, options), return_state=True)
    if not state.is_completed():
        return Outcome(name, message_of(state), failed=True)
    build = state.result().build
    done = sum(part.is_done for part in build.partitions)
    get_run_logger().info(
        "%s: generation %s, %s of %s partitions done", name, build.generation.generation, done, len(build.partitions)
    )
    return Filling(build, began)


def complete(filling: Filling) -> Outcome:
    """Take the steps that follow once all partitions are filled; the projection's outcome."""
    build, name = filling.build, filling.build.projection
    failed = filling.wait()
    if failed is not None:
        return Outcome(name, message_of(failed), build.generation.generation, failed=True)
    for partition, last in filling.latest.items():
        get_run_logger().info("%s: partition %s was filled by process %s", name, partition + 1, last.result().by)
    filled = filling.filled()
    rows, by = sum(each.build.rows for each in filled), ", ".join(sorted({each.by for each in filled}))
    build = replace(build, partitions=())
    for step in AFTER_FILL:
        state = take(step, build, return_state=True)
        if not state.is_completed():
            generation = build.generation.generation
            return Outcome(name, message_of(state), generation, rows=rows, filled_by=by, failed=True)
        build = state.result().build
    if build.dropped:
        get_run_logger().info("%s: dropped %s old generations", name, build.dropped)
    seconds = round(time.monotonic() - filling.began, 1)
    live = build.generation
    return Outcome(name, "published", live.generation, live.checkpoint, rows, seconds, by)


def message_of(state: State[Any], otherwise: str = "failed") -> str:
    """The message of a failed task; `otherwise` if it did not fail."""
    return otherwise if state.is_completed() else state.message or otherwise


def stale_names() -> list[str]:
    """The projections that need a rebuild; logs why."""
    with session("rebuild") as (connection, catalogue):
        found = stale(connection, catalogue)
    for name, why in found.items():
        get_run_logger().info("%s needs a rebuild: %s", name, "; ".join(why))
    return list(found)


def ended(outcomes: list[Outcome], did: str) -> State[Any]:
    """The run's state, and the table of outcomes."""
    create_table_artifact(key="rebuild", table=[vars(each) for each in outcomes], description="What became of each")
    reached = [each.checkpoint for each in outcomes if each.checkpoint]
    if reached:
        add_to_name(f"up to position {max(reached):,}")
    failed = [(each.projection, each.did) for each in outcomes if each.failed]
    if failed:
        return some_failed(failed, len(outcomes))
    return Completed(message=f"{', '.join(each.projection for each in outcomes)} {did}.")
