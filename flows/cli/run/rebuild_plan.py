"""What `acci run rebuild --dry-run` prints: the plan that the flow shows, without its three seconds of start-up."""

import os
from dataclasses import asdict

from acci.flows.cli.printing import console, print_json


def show(wanted: str, partitions: int, json: bool) -> None:
    """Print the plans of the projections meant by `wanted`; nothing is changed."""
    from acci.flows.artifacts.rebuild_plan import plan_rows, shares_of
    from acci.flows.runtime.session import projection_names, session
    from acci.store.rebuilding.plan import count_events, plan
    from acci.store.rebuilding.staleness import stale

    with session("plan") as (connection, catalogue):
        names = list(stale(connection, catalogue)) if wanted == "stale" else projection_names(wanted)
        shares = max(1, (partitions or os.cpu_count() or 1) // max(1, len(names)))
        wanted_ones = [catalogue.projection(name) for name in names]
        counts = count_events(connection, wanted_ones)
        plans = [
            plan(connection, catalogue, projection, shares_of(projection, shares), counts) for projection in wanted_ones
        ]
    if json:
        print_json([asdict(each) for each in plans])
        return
    if not plans:
        console().print("No read model needs a rebuild.")
        return
    from rich.table import Table

    for each in plans:
        table = Table(f"rebuilding {each.projection}", "")
        for what, value in plan_rows(each):
            table.add_row(what, value)
        console().print(table, markup=False)
