"""The flow that takes due snapshots and drops superseded ones."""

from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.progress import ProgressBar
from acci.flows.runtime.parameters import AllOrOneAggregate
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.aggregates.compaction import Compacted, compact, some_streams
from acci.store.auditing.audit import SNAPSHOTS, Audited, all_checks, audit
from acci.store.auditing.scope import AuditScope
from acci.store.extras import needs
from acci.store.projecting.batches import Progress
from acci.store.registry import known

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed


@step("compact the snapshots of {aggregate}")
def compact_aggregate(aggregate: str, keep: int) -> Compacted:
    """Take the aggregate's due snapshots and drop those that newer ones replace."""
    bar = ProgressBar(f"compact the snapshots of {aggregate}", "streams")
    with session("compact snapshots") as (connection, catalogue):
        done = compact(
            connection,
            catalogue,
            catalogue.aggregates[aggregate],
            keep,
            report=lambda reached, due: bar(Progress(aggregate, 0, reached, due, 0, 0)),
        )
    bar.finish()
    get_run_logger().info("%s: %s due, %s taken, %s dropped", aggregate, done.due, done.taken, done.dropped)
    return done


@step("check snapshots of {aggregate} by replay")
def check_sample(aggregate: str, sample: int) -> Audited | None:
    """Compare a sample of the aggregate's snapshots with a replay of their streams."""
    with session("compact snapshots") as (connection, catalogue):
        streams = some_streams(connection, catalogue.aggregates[aggregate], sample)
        return (
            audit(connection, catalogue, all_checks(catalogue)[SNAPSHOTS], None, AuditScope(keys=streams))
            if streams
            else None
        )


@flow(name="compact-snapshots", flow_run_name="compact the snapshots of {aggregate}", timeout_seconds=allowed_seconds())
@refusing
def compact_snapshots(
    aggregate: Annotated[AllOrOneAggregate, Field(title="Aggregate")] = "all",
    keep: Annotated[int, Field(title="Keep", ge=1, le=1000)] = 1,
    sample: Annotated[int, Field(title="Sample", ge=0, le=100_000)] = 100,
) -> State[Any]:
    """Take the snapshots that are due, in bulk, and drop those that newer ones replace; never an event.

    Due are streams with enough events behind their newest snapshot, and those whose snapshots an older class made.
    The next run resumes one that was cut off. Afterwards a sample is compared with a replay.

    Args:
        aggregate: An aggregate that has snapshots, or all of them.
        keep: How many snapshots of each stream are kept, the newest ones.
        sample: How many streams to check by replay.
    """
    with session("compact snapshots") as (_, catalogue):
        kinds = {name: each for name, each in catalogue.aggregates.items() if each.snapshot_every}
        names = list(kinds) if aggregate == "all" else [known(kinds, "aggregate", aggregate).aggregate_type()]
    done = [compact_aggregate(name, keep) for name in names]
    checked = [made for name in names if sample and (made := check_sample(name, sample)) is not None]
    table = [
        {
            "aggregate": each.aggregate,
            "due": each.due,
            "taken": each.taken,
            "dropped": each.dropped,
            "unreadable": each.unreadable,
            "refused": each.refusals,
            "snapshots": f"{each.before.snapshots:,} → {each.after.snapshots:,}",
            "bytes": f"{each.before.bytes:,} → {each.after.bytes:,}",
        }
        for each in done
    ]
    create_table_artifact(key="compact-snapshots", table=table, description="Snapshots before and after")
    wrong = sum(len(each.found) for each in checked)
    if wrong:
        return Failed(name="Findings", message=f"{wrong} snapshots differ from a replay: see `acci findings`.")
    return ended(done)


def ended(done: list[Compacted]) -> State[Any]:
    """The run's state, if the sample agreed with a replay."""
    taken, dropped = sum(each.taken for each in done), sum(each.dropped for each in done)
    unreadable = sum(each.unreadable for each in done)
    if unreadable:
        message = f"{unreadable:,} streams could not be folded, `acci run audit --check payloads` says why; "
        return Failed(name="Incomplete", message=f"{message}{taken:,} snapshots taken, {dropped:,} dropped.")
    refused = [each.refused for each in done if each.refusals]
    if refused:
        counted = sum(each.refusals for each in done)
        message = f"{counted:,} states would not round-trip through a snapshot. {refused[0]} "
        return Failed(name="Incomplete", message=f"{message}{taken:,} snapshots taken, {dropped:,} dropped.")
    if not taken and not dropped:
        return Completed(name="NothingToDo", message="No snapshot was due, and none was superseded.")
    return Completed(message=f"{taken:,} snapshots taken, {dropped:,} dropped.")
