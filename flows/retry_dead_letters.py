"""The flow that re-derives parked keys after a fix."""

from typing import Annotated, Any

from pydantic import Field

from acci.flows.runtime.parameters import AllOrOne
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import projection_names, session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.generations.generations import NotBuilt
from acci.store.projecting.dead_letters import Retried, letters, retry

with needs("flows"):
    from prefect import flow
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed


@step("retry dead letters of {projection}")
def retry_projection(projection: str) -> Retried:
    """Re-derive the projection's parked keys, and release those whose events can be applied."""
    with session("retry dead letters") as (connection, catalogue):
        try:
            return retry(connection, catalogue, catalogue.projection(projection))
        except NotBuilt:
            return Retried(projection, 0, 0, 0)


@flow(name="retry-dead-letters", flow_run_name="retry dead letters of {projection}", timeout_seconds=allowed_seconds())
@refusing
def retry_dead_letters(
    projection: Annotated[AllOrOne, Field(title="Projections")] = "all",
) -> State[Any]:
    """Re-derive the keys that are parked behind dead letters, after what was wrong has been fixed.

    A key is released when all its events can be applied, in order, each once. The run fails while any key is parked.
    One projection's refusal does not stop the others.

    Args:
        projection: One projection, or all of them.
    """
    states = [retry_projection(name, return_state=True) for name in projection_names(projection)]
    found = [state.result(raise_on_failure=False) for state in states]
    done = [each for each in found if isinstance(each, Retried)]
    create_table_artifact(key="retry-dead-letters", table=[vars(each) for each in done], description="Keys by outcome")
    with session("retry dead letters") as (connection, _):
        left = letters(connection, None if projection == "all" else projection)
    failed = [str(state.message) for state in states if not state.is_completed()]
    if left or failed:
        table = [
            {
                "number": letter.dead_letter,
                "projection": letter.projection,
                "position": letter.position,
                "event": letter.event_type,
                "error": letter.error,
            }
            for letter in left
        ]
        create_table_artifact(key="dead-letters", table=table, description="Events that still cannot be applied")
        still = [f"{len(left)} events still cannot be applied: see `acci dead-letters list`."] if left else []
        return Failed(message=" ".join([*still, *failed]))
    released = sum(each.released for each in done)
    if not released:
        return Completed(name="NothingToDo", message="There are no dead letters.")
    return Completed(message=f"{released} keys released; no dead letters are left.")
