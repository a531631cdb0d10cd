"""The flow that keeps read models within a second of the log for a while."""

import time
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.retrying import refusing
from flows.session import projection_names
from store.catalogue import load
from store.embedded import database_url
from store.projecting.following import follow as follow_log
from store.settings import Settings


@flow(name="follow", flow_run_name="follow {projection} for {seconds} s")
@refusing
def follow(
    projection: Annotated[str, Field(title="Projections")] = "all",
    seconds: Annotated[int, Field(title="Seconds", ge=1, le=86_400)] = 600,
    interval: Annotated[float, Field(title="Interval", ge=0.01, le=60)] = 0.1,
) -> State[Any]:
    """Apply events as they are appended, each exactly once, without a scheduled run each time.

    Rebuilds and other runners go on beside it. What cannot be followed is said in the log, once.

    Args:
        projection: A projection's name, such as user_view, several separated by commas, or "all".
        seconds: How long to follow.
        interval: Seconds between two looks at the log.
    """
    settings = Settings.from_environment()
    names, log, end = projection_names(projection), get_run_logger(), time.monotonic() + seconds
    rows = follow_log(
        database_url(settings),
        load(settings.contexts),
        names,
        interval,
        lambda: time.monotonic() >= end,
        lambda name, what: log.warning("%s: %s", name, what),
    )
    return Completed(message=f"Followed {', '.join(names)} for {seconds} s: {rows:,} rows changed.")
