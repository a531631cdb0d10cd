"""The flow that keeps read models within a second of the log for a while."""

import time
from typing import Annotated, Any

from pydantic import Field

from acci.flows.runtime.parameters import AllOrOne
from acci.flows.runtime.retrying import refusing
from acci.flows.runtime.session import direct, keys, projection_names, tracing
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.projecting.following import follow as follow_log

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed


@flow(name="follow", flow_run_name="follow {projection} for {seconds} s", timeout_seconds=allowed_seconds())
@refusing
def follow(
    projection: Annotated[AllOrOne, Field(title="Projections")] = "all",
    seconds: Annotated[int, Field(title="Seconds", ge=1, le=86_400)] = 600,
    interval: Annotated[float, Field(title="Interval", ge=0.01, le=60)] = 0.1,
) -> State[Any]:
    """Apply events as they are appended, each exactly once, without a scheduled run each time.

    Rebuilds and other runners go on beside it. The run fails if a read model could not be followed, and says which.

    Args:
        projection: One projection, or all of them.
        seconds: How long to follow.
        interval: Seconds between two polls of the log.
    """
    names, end = projection_names(projection), time.monotonic() + seconds
    refused: dict[str, str] = {}

    def on_problem(name: str, what: str) -> None:
        get_run_logger().warning("%s: %s", name, what)
        if name in names:  # the database comes back by itself
            refused[name] = what

    rows = follow_log(*direct(), names, interval, lambda: time.monotonic() >= end, on_problem, keys(), tracing())
    followed = f"Followed {', '.join(names)} for {seconds} s: {rows:,} rows changed."
    if refused:
        problems = " ".join(f"{name}: {what}" for name, what in refused.items())
        return Failed(name="Incomplete", message=f"{followed} But {problems}")
    return Completed(name="Completed" if rows else "NothingToDo", message=followed)
