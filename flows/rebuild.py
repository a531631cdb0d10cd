"""The flow that builds a read model anew and swaps it in."""

import time
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.progress import ProgressBar
from flows.retrying import RETRIED, refusing
from flows.session import session
from store.projecting import generations, rebuilding, swapping
from store.projecting.generations import Generation, Partition

KEPT = 1  # old generations kept for a rollback


@task(task_run_name="begin {projection}", **RETRIED)
@refusing
def begin(projection: str, partitions: int) -> tuple[Generation, tuple[Partition, ...]]:
    """The generation to build: the one an interrupted rebuild left, or a new one."""
    with session("rebuild") as (connection, catalogue):
        generation, parts = rebuilding.begin(connection, catalogue, catalogue.projection(projection), partitions)
    done = sum(part.is_done for part in parts)
    get_run_logger().info(
        "%s: generation %s, %s of %s partitions done", projection, generation.generation, done, len(parts)
    )
    return generation, parts


@task(
    task_run_name="fill {generation.projection}, partition {partition.partition} of {partition.partitions}", **RETRIED
)
@refusing
def fill(generation: Generation, partition: Partition) -> int:
    """Project the history onto one share of the keys; the rows written."""
    bar = ProgressBar(f"fill partition {partition.partition}")
    with session("rebuild") as (connection, catalogue):
        rows = rebuilding.fill(connection, catalogue.projection(generation.projection), generation, partition, bar).rows
    bar.finish()
    return rows


@task(task_run_name="finish {generation.projection}", **RETRIED)
@refusing
def finish(generation: Generation) -> Generation:
    """Build the indexes and gather statistics."""
    with session("rebuild") as (connection, _):
        return rebuilding.finish(connection, generation)


@task(task_run_name="publish {generation.projection}", **RETRIED)
@refusing
def publish(generation: Generation) -> Generation:
    """Catch up and swap in one transaction; then drop generations beyond those that are kept."""
    with session("rebuild") as (connection, catalogue):
        published = swapping.publish(connection, catalogue.projection(generation.projection), generation)
        rebuilding.retain(connection, generation.projection, KEPT)
        return published


@flow(name="rebuild", flow_run_name="rebuild {projection}")
@refusing
def rebuild(
    projection: Annotated[str, Field(title="Projection", description="The name of the projection, such as user_view.")],
    partitions: Annotated[
        int,
        Field(title="Partitions", description="Shares of the keys that are built at the same time.", ge=1, le=64),
    ] = 2,
) -> State[Any]:
    """Build a new generation beside the live one, in parallel partitions, and swap it in within one transaction.

    Readers see the old generation until the swap. Whatever fails, the live generation stays as it was, and a rerun
    goes on with the partitions that are missing.
    """
    began = time.monotonic()
    with session("rebuild") as (connection, catalogue):
        name = catalogue.projection(projection).name
        with generations.turn(connection, name, "rebuild"):
            generation, parts = begin(name, partitions)
            waiting = [part for part in parts if not part.is_done]
            futures = [fill.submit(generation, part) for part in waiting]
            rows = [future.result() for future in futures]
            published = publish(finish(generation))
    seconds = time.monotonic() - began
    table = [
        {"what": "generation", "value": str(published.generation)},
        {"what": "checkpoint", "value": f"{published.checkpoint:,}"},
        {"what": "partitions", "value": f"{len(parts)}, of which {len(parts) - len(waiting)} were done before"},
        {"what": "rows written", "value": f"{sum(rows):,}"},
        {"what": "seconds", "value": f"{seconds:,.1f}"},
        {"what": "positions a second", "value": f"{published.checkpoint / seconds:,.0f}"},
    ]
    create_table_artifact(key="rebuild", table=table, description=f"{name}: generation {published.generation} is live")
    return Completed(message=f"{name}: generation {published.generation} is live, {sum(rows):,} rows.")
