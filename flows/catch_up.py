"""The flow that brings read models up to date."""

import time
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.progress import ProgressBar
from acci.flows.artifacts.tables import show_verdict, some_failed
from acci.flows.check_quality import check_changes, verdict
from acci.flows.quality.gate import quality_checks, require_library
from acci.flows.runtime import prefect_events
from acci.flows.runtime.parameters import AllOrOne
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.run_names import add_to_name
from acci.flows.runtime.session import catalogue, projection_names, session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.generations import generations
from acci.store.generations.generations import Busy, NotBuilt
from acci.store.projecting import batches
from acci.store.projecting.batches import Progress
from acci.store.rebuilding.build import RebuildOptions, StepContext, run
from acci.store.rebuilding.gate import GateThresholds, Verdict

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed

ELSEWHERE = "left to another runner"


@dataclass(frozen=True)
class Outcome:
    """What was done for one projection, as a row of the run's table."""

    projection: str
    did: str
    start: int
    checkpoint: int
    rows: int
    batches: int
    dead_letters: int
    parked: int  # keys that wait behind dead letters, also of earlier runs
    seconds: float


@step("catch up {projection}")
def catch_up_projection(projection: str, batch_size: int) -> Outcome:
    """Bring one live read model to the high-water mark; build it if it never was."""
    began = time.monotonic()
    progress_bar = ProgressBar(f"catch up {projection}")
    with session("catch-up") as (connection, catalogue):
        rules = catalogue.projection(projection)
        did = "caught up"
        try:
            try:
                done = batches.catch_up(connection, catalogue, rules, batch_size or None, progress_bar)
            except NotBuilt:
                did = "built"
                done = first_build(
                    StepContext(connection, catalogue, rules, progress_bar, quality_checks, show_refusal)
                )
        except Busy as busy:
            get_run_logger().info(str(busy))
            return Outcome(projection, ELSEWHERE, 0, 0, 0, 0, 0, 0, 0.0)
        parked = generations.parked_keys(connection).get(projection, 0)
    progress_bar.finish()
    seconds = round(time.monotonic() - began, 3)
    if done.start == done.checkpoint and did == "caught up":
        did = "nothing to do"
    get_run_logger().info(
        "%s: %s, positions %s to %s, %s rows changed in %s batches, %s s",
        projection, did, done.start, done.checkpoint, done.rows, done.batches, seconds,
    )  # fmt: skip
    return Outcome(
        projection, did, done.start, done.checkpoint, done.rows, done.batches, done.dead_letters, parked, seconds
    )


def first_build(context: StepContext) -> Progress:
    """Build a read model for the first time; dead letters fail the run, but the gate lets them pass.

    Raises `GateClosed`.
    """
    built = run(context, RebuildOptions(thresholds=GateThresholds(dead_letters=True)))
    reached = built.generation.checkpoint
    return Progress(built.projection, 0, reached, reached, built.rows, built.batches)


def show_refusal(verdict: Verdict) -> None:
    """Show a verdict if it keeps the first generation from readers."""
    if verdict.objections:
        show_verdict(verdict)


@flow(name="catch-up", flow_run_name="catch up {projection}", timeout_seconds=allowed_seconds())
@refusing
def catch_up(
    projection: Annotated[AllOrOne, Field(title="Projections")] = "all",
    batch_size: Annotated[int, Field(title="Batch size", ge=0, le=5_000_000)] = 0,
    quality: Annotated[bool, Field(title="Quality")] = True,
) -> State[Any]:
    """Apply every event between a projection's checkpoint and the high-water mark, each exactly once.

    A run that finds nothing new is completed, and its name says so. One projection's failure does not stop the others;
    the run then fails and says why.

    Args:
        projection: One projection, or all of them.
        batch_size: Positions in one transaction; 0: as many as suit the size of the read model.
        quality: Afterwards check the rows that changed against the read model's quality suite, if it has one.
    """
    names = projection_names(projection)
    if quality:
        require_library(catalogue(), names)
    states = [(name, catch_up_projection(name, batch_size, return_state=True)) for name in names]
    outcomes = [outcome(name, state) for name, state in states]
    create_table_artifact(
        key="catch-up", table=[vars(each) for each in outcomes], description="What was done, in positions of the log"
    )
    for each in outcomes:
        if each.dead_letters:
            counted = {"dead_letters": each.dead_letters, "see": "acci dead-letters list"}
            prefect_events.emit(prefect_events.DEAD_LETTER, each.projection, counted)
    moved = [each for each in outcomes if each.checkpoint > each.start]
    if moved:
        add_to_name(
            f"positions {min(each.start for each in moved) + 1:,} to {max(each.checkpoint for each in moved):,}"
        )
    failed = [(name, state.message or "failed") for name, state in states if not state.is_completed()]
    if failed:
        return some_failed(failed, len(names))
    dead = sum(each.dead_letters for each in outcomes)
    if dead:
        return Failed(
            name="DeadLetters", message=f"{dead:,} events could not be applied: see `acci dead-letters list`."
        )
    applied = [each for each in outcomes if each.did in ("caught up", "built")]
    changed = {each.projection: (each.start, each.checkpoint) for each in applied if each.rows and each.did != "built"}
    reports = check_changes(changed) if quality else []
    if any(report.failures for report in reports):
        return verdict(reports)
    return ended(outcomes)


def ended(outcomes: list[Outcome]) -> State[Any]:
    """The state of a run without failures."""
    applied = [each for each in outcomes if each.did in ("caught up", "built")]
    elsewhere = [each.projection for each in outcomes if each.did == ELSEWHERE]
    others = f" Another runner is at {', '.join(elsewhere)}." if elsewhere else ""
    if parked := ", ".join(f"{each.parked:,} of {each.projection}" for each in outcomes if each.parked):
        others += f" Keys that wait behind dead letters: {parked}; see `acci dead-letters list`."
    if not applied and elsewhere:
        return Completed(name="LeftToAnother", message=others.strip())
    if not applied:
        return Completed(name="NothingToDo", message=f"Every read model was up to date.{others}")
    rows = sum(each.rows for each in applied)
    return Completed(message=f"{len(applied)} of {len(outcomes)} projections moved, {rows:,} rows changed.{others}")


def outcome(name: str, state: State[Outcome]) -> Outcome:
    """The task's result, or its failure as a row."""
    done = state.result(raise_on_failure=False)
    if isinstance(done, Outcome):
        return done
    return Outcome(name, f"failed: {state.message}", 0, 0, 0, 0, 0, 0, 0.0)
