"""The flow that builds read models anew and swaps them in."""

import os
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from acci.flows.runtime.parameters import AllStaleOrOne
from acci.flows.runtime.rebuild_recipe import Outcome, rebuild_all, said
from acci.flows.runtime.rebuild_tasks import Orders, count, look_ahead
from acci.flows.runtime.retrying import refusing
from acci.flows.runtime.run_names import add_to_name, of_rebuild
from acci.flows.runtime.session import projection_names, session
from acci.flows.runtime.task_runners import chosen_runner
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.rebuilding.gate import CHANGES_ALLOWED, Allowance
from acci.store.rebuilding.staleness import stale


@flow(name="rebuild", flow_run_name=of_rebuild, task_runner=chosen_runner(), timeout_seconds=allowed_seconds())
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

    Readers see the old generation until the swap, which is one transaction. Whatever fails, the live generation stays
    as it was, and a rerun goes on with the partitions that are missing. One projection's failure does not stop the
    others; the run is failed then, and its table says which.

    Args:
        projection: One projection, all of them, or stale: those that need it.
        dry_run: Only show what would happen: why, what is read, how long, what depends on it.
        partitions: Shares of the keys that are built at the same time; 0 for as many as this machine has cores. What
            only counts and compares is built in one, which PostgreSQL reads for in parallel.
        allow_dead_letters: Publish even if some events could not be applied; their keys stay parked.
        changes_allowed: Per cent of the live rows that may go or change; if there are more, nothing is published.
        keep: How many old generations stay for a rollback.
        fresh: Start over, and throw away what an interrupted rebuild left.
        allow_older_rules: Build by this program's rules even if the live rows were made by newer ones.
    """
    names = stale_names() if projection.strip() == "stale" else projection_names(projection)
    if not names:
        return Completed(name="NothingToDo", message="No read model needs a rebuild.")
    at_once = partitions or os.cpu_count() or 1
    # A partition reads the whole log: several projections are better built beside each other than each in many parts.
    shares = max(1, at_once // len(names))
    counts = count(names)
    if dry_run:
        plans = [(name, look_ahead(name, shares, counts, return_state=True)) for name in names]
        outcomes = [Outcome(name, said(state, "planned"), failed=not state.is_completed()) for name, state in plans]
        return ended(outcomes, "planned; nothing was changed")
    orders = Orders(Allowance(allow_dead_letters, changes_allowed), keep, fresh, allow_older_rules)
    return ended(rebuild_all(names, counts, shares, at_once, orders), "rebuilt")


def stale_names() -> list[str]:
    """The projections that need a rebuild, each with why in the log."""
    with session("rebuild") as (connection, catalogue):
        found = stale(connection, catalogue)
    for name, why in found.items():
        get_run_logger().info("%s needs a rebuild: %s", name, "; ".join(why))
    return list(found)


def ended(outcomes: list[Outcome], did: str) -> State[Any]:
    """The run's state, and the table of what became of each projection."""
    create_table_artifact(key="rebuild", table=[vars(each) for each in outcomes], description="What became of each")
    reached = [each.checkpoint for each in outcomes if each.checkpoint]
    if reached:
        add_to_name(f"up to position {max(reached):,}")
    failed = [each for each in outcomes if each.failed]
    if failed:
        told = "; ".join(f"{each.projection}: {each.did}" for each in failed)
        return Failed(message=f"{len(failed)} of {len(outcomes)} failed. {told}")
    return Completed(message=f"{', '.join(each.projection for each in outcomes)} {did}.")
