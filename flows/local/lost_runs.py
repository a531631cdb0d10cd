"""Lost runs: their process is gone and no worker ends them, so they would keep their concurrency slot."""

from datetime import UTC, datetime, timedelta

from acci.flows.local.prefect_api import PrefectApi
from acci.store.embedded.ports import command_line


def give_up_lost_runs(api: PrefectApi, pool: str, grace_period: timedelta = timedelta()) -> list[str]:
    """Mark the pool's runs without a process on this machine as crashed; returns their names.

    A worker notices when its own run dies; this is for runs that died with their worker, or after it. A run that has no
    process yet is given up after `grace_period`. Only for a server whose workers are all on this machine.
    """
    given_up = []
    for run in api.runs_under_way(pool):
        is_lost = (
            datetime.now(UTC) - run.since >= grace_period
            if run.process is None
            else "prefect" not in command_line(run.process)
        )
        if is_lost:
            api.give_up(run, "Its process is gone, and so is the worker that started it.")
            given_up.append(run.name)
    return given_up
