"""The flow that seals the log."""

from typing import Annotated, Any

from pydantic import Field

from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.log import seals
from acci.store.log.seals import SIZE, Sealed

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed


@step("seal")
def seal_events(size: int) -> Sealed:
    """Seal what is not sealed yet."""
    with session("seal", "administer") as (connection, _):
        return seals.seal(connection, size)


@flow(name="seal", flow_run_name="seal the log", timeout_seconds=allowed_seconds())
@refusing
def seal(size: Annotated[int, Field(title="Size", ge=100, le=1_000_000)] = SIZE) -> State[Any]:
    """Seal the events that are not sealed yet, so that an audit finds a later change, removal or insertion.

    The chain in the artifact covers the whole log up to its position; keep it elsewhere as proof.

    Args:
        size: Positions in one seal.
    """
    done = seal_events(size)
    table = [{"sealed up to": done.upto, "new seals": done.seals, "events in them": done.events, "chain": done.chain}]
    create_table_artifact(key="seal", table=table, description="How far the log is sealed; the chain covers all of it")
    get_run_logger().info("sealed up to position %s, chain %s", done.upto, done.chain)
    if not done.seals:
        return Completed(name="NothingToDo", message=f"Every event up to position {done.upto} was sealed: {done.chain}")
    return Completed(message=f"{done.events:,} events sealed, up to position {done.upto}: {done.chain}")
