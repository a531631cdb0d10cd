"""The flow that removes old generations and old records."""

from typing import Annotated, Any

from pydantic import Field

from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.maintenance.housekeeping import Tidied, tidy

with needs("flows"):
    from prefect import flow
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed


@step("tidy")
def remove_old(keep: int, days: int) -> list[Tidied]:
    """Remove old generations and old records."""
    with session("housekeeping") as (connection, catalogue):
        return tidy(connection, catalogue, keep, days)


@flow(name="housekeeping", flow_run_name="housekeeping, {days} days kept", timeout_seconds=allowed_seconds())
@refusing
def housekeeping(
    keep: Annotated[int, Field(ge=0, le=100)] = 1, days: Annotated[int, Field(ge=1, le=36_500)] = 90
) -> State[Any]:
    """Remove old generations of read models and old records: resolved findings, backfills that ended, audits, lag.

    Never an event, a seal, a snapshot, the idempotency records of commands and imports, or what reactions decided and
    delivered.

    Args:
        keep: How many old generations of each read model stay for a rollback.
        days: How many days records stay after they have ended.
    """
    done = remove_old(keep, days)
    table = [{"what": each.what, "removed": each.removed} for each in done]
    create_table_artifact(key="housekeeping", table=table, description="What was removed")
    removed = sum(each.removed for each in done)
    if not removed:
        return Completed(name="NothingToDo", message="There was nothing to remove.")
    removals = ", ".join(f"{each.removed:,} {each.what}" for each in done if each.removed)
    return Completed(message=f"Removed {removals}.")
