"""Where a run's tasks are executed: threads of its process, or Dask's workers, as the setting ACCI_DASK says."""

from typing import Any

from acci.store.extras import needs
from acci.store.settings import Settings

with needs("flows"):
    from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

MAX_THREADS = 64  # only an upper bound: the flow limits how many tasks it submits
DASK_CONNECT_TIMEOUT = "300s"


def chosen_runner() -> TaskRunner[Any]:
    """The task runner that the setting names. Raises `MissingExtra`.

    Dask's workers need the same packages and environment: the same ACCI_DATABASE_URL, ACCI_CONTEXTS, PREFECT_API_URL.
    """
    wanted = Settings.from_environment().dask
    if wanted is None:
        return ThreadPoolTaskRunner(max_workers=MAX_THREADS)
    with needs("dask"):
        import dask.config
        from prefect_dask import DaskTaskRunner

    # A worker that imports Prefect on a busy machine does not answer for longer than Dask waits by default.
    dask.config.set(
        {
            "distributed.comm.timeouts.connect": DASK_CONNECT_TIMEOUT,
            "distributed.comm.timeouts.tcp": DASK_CONNECT_TIMEOUT,
        }
    )
    runner: TaskRunner[Any]
    if wanted.isdigit():
        local: dict[str, object] = {"n_workers": int(wanted), "threads_per_worker": 1, "dashboard_address": None}
        # Anyone who reaches the scheduler can run code as its user: TLS admits only the certificate made for this run.
        local |= {"protocol": "tls://", "security": True}
        runner = DaskTaskRunner(cluster_kwargs=local)
    else:
        runner = DaskTaskRunner(address=wanted)
    return runner
