"""Links from a run's artifacts to the page of another run."""

from uuid import UUID

from prefect.runtime import flow_run
from prefect.utilities.urls import url_for


def this_run() -> str:
    """The id of the run that asks, or nothing outside of one."""
    return str(flow_run.get_id() or "")


def to_run(run: str, text: str) -> str:
    """Markdown that leads to the page of the run; without a server that has pages, its id."""
    url = url_for("flow-run", UUID(run))
    return f"[{text}]({url})" if url else f"{text} ({run})"
