"""The flow that puts an old generation back."""

from typing import Annotated, Any

from pydantic import Field

from acci.flows.runtime.parameters import OneProjection
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.generations import generations
from acci.store.generations.generations import Generation
from acci.store.rebuilding.rollback import candidate, roll_back

with needs("flows"):
    from prefect import flow
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed


@step("roll back {projection}")
def put_back(
    projection: str, generation: int, as_it_was: bool, unchecked: bool
) -> tuple[Generation, tuple[Generation, ...]]:
    """Swap the old generation in; what is live then, and what is kept."""
    with session("rollback") as (connection, catalogue):
        rules = catalogue.projection(projection)
        live = generations.live(connection, rules.name)
        if live is not None and live.generation == generation:
            return live, generations.kept(connection, rules.name)  # an earlier try succeeded
        put = roll_back(connection, catalogue, rules, generation, as_it_was, unchecked)
        return put, generations.kept(connection, rules.name)


@flow(name="rollback", flow_run_name="roll back {projection}", timeout_seconds=allowed_seconds())
@refusing
def rollback(
    projection: Annotated[OneProjection, Field(title="Projection")],
    generation: Annotated[int, Field(title="Generation", ge=0)] = 0,
    as_it_was: Annotated[bool, Field(title="As it was")] = False,
    unchecked: Annotated[bool, Field(title="Unchecked")] = False,
) -> State[Any]:
    """Put a kept generation back before readers, caught up, in one transaction; the present one is kept in its place.

    Rolling back again undoes it.

    Args:
        projection: The name of the projection, such as user_view.
        generation: The number of the kept generation; 0 for the newest.
        as_it_was: Do not catch it up, for when the rules it was made by are gone; readers go back to its checkpoint.
        unchecked: Put it back even if its rows differ from what its events produce.
    """
    with session("rollback") as (connection, catalogue):
        name = catalogue.projection(projection).name
        wanted = candidate(connection, name, generation).generation
    put, kept = put_back(name, wanted, as_it_was, unchecked)
    table = [
        {
            "generation": each.generation,
            "state": each.state,
            "checkpoint": each.checkpoint,
            "made": str(each.created_at),
        }
        for each in (put, *kept)
    ]
    create_table_artifact(key="rollback", table=table, description=f"The generations of {name}")
    return Completed(message=f"{name}: generation {put.generation} is live again, at position {put.checkpoint:,}.")
