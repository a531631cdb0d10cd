"""The flow that re-derives what audits found wrong."""

from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.audit import show_repairs
from acci.flows.audit import repair_findings
from acci.flows.runtime.links import to_run
from acci.flows.runtime.parameters import AllOrOne
from acci.flows.runtime.retrying import refusing
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.auditing.findings import findings
from acci.store.auditing.statistics import last_run
from acci.store.extras import needs

with needs("flows"):
    from prefect import flow
    from prefect.artifacts import create_markdown_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed


@flow(name="repair", flow_run_name="repair {projection}", timeout_seconds=allowed_seconds())
@refusing
def repair(
    projection: Annotated[AllOrOne, Field(title="Projection")] = "all",
    trust_log: Annotated[bool, Field(title="Trust the log")] = False,
) -> State[Any]:
    """Re-derive the rows, parked keys and snapshots that open findings name, and audit them again.

    Each in a transaction that keeps batches out. Events are never changed: what is wrong with them stays a finding,
    and what depends on events that were changed by hand is left alone.

    Args:
        projection: One projection, or all: every one, and the snapshots too.
        trust_log: Also re-derive what depends on events, or discards, that were changed by hand.
    """
    with session("repair") as (connection, catalogue):
        found_by = last_run(connection)
        one = None if projection == "all" else catalogue.projection(projection).name
    done = repair_findings(projection, trust_log)
    with session("repair") as (connection, _):
        rest = len(findings(connection, projection=one)) - sum(each.left for each in done)
    others = f" {rest:,} open findings cannot be repaired from the events: see `acci findings`." if rest else ""
    if not done:
        return Completed(name="NothingToDo", message=f"There is no finding to repair.{others}")
    show_repairs(done)
    if found_by is not None:
        markdown = to_run(found_by, "The audit before this repair")
        create_markdown_artifact(key="found-by", markdown=markdown, description="The run that found it")
    left, found = sum(each.left for each in done), sum(each.found for each in done)
    alone = sum(each.left_alone for each in done)
    if alone:
        because = next(each.because for each in done if each.left_alone)
        message = (
            f"{alone:,} of {found:,} findings were left alone, since what they would be derived from was changed: "
            f"{because} Mend that first; or `acci run repair --trust-log` takes the log as it is."
        )
        return Failed(name="LeftAlone", message=message)
    if left:
        return Failed(message=f"{left:,} of {found:,} findings are still open: see the table, and `acci findings`.")
    return Completed(message=f"{found:,} findings were repaired.{others}")
