"""Lost runs: their process is gone, no worker ends them, and they would hold their concurrency slot."""

from datetime import UTC, datetime, timedelta

from acci.flows.local.prefect_api import PrefectApi
from acci.store.embedded.ports import command_line


def give_up_lost_runs(api: PrefectApi, pool: str, grace_period: timedelta = timedelta()) -> list[str]:
    """Afterwards no run of the pool counts as running that has no process on this machine; gives their names.

    A worker notices when a run of its own dies; this is for runs that died with their worker, or after it. One that
    has no process yet is given up after `grace_period`. Right only for a server whose workers are all on this machine.
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
