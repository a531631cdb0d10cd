"""The tasks of a rebuild: each commits what it did, and can be run again."""

import os
import socket
from dataclasses import dataclass

from prefect import get_run_logger

from acci.flows.artifacts.progress import ProgressBar
from acci.flows.artifacts.rebuild_plan import shares_of
from acci.flows.artifacts.tables import tell_plan, tell_verdict
from acci.flows.quality.gate import quality_checks
from acci.flows.runtime.retrying import step
from acci.flows.runtime.session import session
from acci.store.generations import lifecycle
from acci.store.generations.generations import Generation, Partition
from acci.store.generations.view import ColumnsInUse
from acci.store.rebuilding import build, gate
from acci.store.rebuilding import publish as swapping
from acci.store.rebuilding.gate import Allowance
from acci.store.rebuilding.plan import Counts, Plan, count_events, plan


@dataclass(frozen=True)
class Orders:
    """What the caller of a rebuild wants of each generation."""

    allowed: Allowance
    keep: int
    fresh: bool = False
    allow_older_rules: bool = False


@step("count events")
def count(projections: list[str]) -> Counts:
    """The events that all the plans tell of, counted in one reading of the log."""
    with session("rebuild") as (connection, catalogue):
        return count_events(connection, [catalogue.projection(name) for name in projections])


@step("plan {projection}")
def look_ahead(projection: str, partitions: int, counts: Counts) -> Plan:
    """What the rebuild would read, take and change; refused if something depends on columns that go."""
    with session("rebuild") as (connection, catalogue):
        projected = catalogue.projection(projection)
        ahead = plan(connection, catalogue, projected, shares_of(projected, partitions), counts)
    tell_plan(ahead)
    if ahead.breaks:
        raise ColumnsInUse(projection, "; ".join(ahead.breaks))
    return ahead


@step("begin {projection}")
def begin(
    projection: str, partitions: int, fresh: bool = False, allow_older_rules: bool = False
) -> tuple[Generation, tuple[Partition, ...]]:
    """The generation to build: the one an interrupted rebuild left, unless a `fresh` one is wanted, or a new one."""
    with session("rebuild") as (connection, catalogue):
        projected = catalogue.projection(projection)
        useful = shares_of(projected, partitions)
        generation, parts = build.begin(connection, catalogue, projected, useful, fresh, allow_older_rules)
    done = sum(part.is_done for part in parts)
    get_run_logger().info(
        "%s: generation %s, %s of %s partitions done", projection, generation.generation, done, len(parts)
    )
    return generation, parts


@dataclass(frozen=True)
class Filled:
    """What filling a partition came to: rows written, and the process that did it, as host/number."""

    rows: int
    by: str


@step(
    "fill {generation.projection}, partition {partition.ordinal} of {partition.partitions}, "
    "up to position {partition.target}"
)
def fill(generation: Generation, partition: Partition) -> Filled:
    """Project the history up to the partition's target onto one share of the keys."""
    bar = ProgressBar(f"fill {generation.projection}, partition {partition.ordinal}")
    with session("rebuild") as (connection, catalogue):
        rows = build.fill(connection, catalogue.projection(generation.projection), generation, partition, bar).rows
    bar.finish()
    return Filled(rows, f"{socket.gethostname()}/{os.getpid()}")


@step("finish {generation.projection}")
def finish(generation: Generation, _: Orders) -> Generation:
    """Build the indexes and gather statistics, then catch up, so that the gate sees what readers will."""
    with session("rebuild") as (connection, catalogue):
        projection = catalogue.projection(generation.projection)
        return swapping.come_near(connection, projection, build.finish(connection, projection, generation))


@step("check {generation.projection}")
def check(generation: Generation, orders: Orders) -> Generation:
    """The gate: whether the generation may be published. If not, nothing is, and the artifact says why."""
    with session("rebuild") as (connection, catalogue):
        projection = catalogue.projection(generation.projection)
        further = quality_checks(connection, catalogue, projection, generation)
        verdict = gate.inspect(connection, catalogue, projection, generation, orders.allowed, further)
        tell_verdict(verdict)
        if verdict.objections and not verdict.only_changes_too_much:
            lifecycle.reject(connection, generation)
    verdict.require()
    return generation


@step("publish {generation.projection}")
def publish(generation: Generation, _: Orders) -> Generation:
    """Catch up and swap, in one transaction."""
    with session("rebuild") as (connection, catalogue):
        return swapping.publish(connection, catalogue.projection(generation.projection), generation)


@step("retain {generation.projection}")
def retain(generation: Generation, orders: Orders) -> Generation:
    """Make reading the new one as cheap as it gets, and drop old ones beyond those that are kept for a rollback."""
    with session("rebuild") as (connection, _):
        lifecycle.vacuum(connection, generation)
        dropped = lifecycle.retain(connection, generation.projection, orders.keep)
    if dropped:
        get_run_logger().info("%s: dropped %s old generations", generation.projection, dropped)
    return generation
