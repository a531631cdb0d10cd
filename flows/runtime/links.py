"""Links from a run's artifacts to the page of another run."""

from uuid import UUID

from acci.store.extras import needs

with needs("flows"):
    from prefect.runtime import flow_run
    from prefect.utilities.urls import url_for


def this_run() -> str:
    """The id of the current run; empty outside of one."""
    return str(flow_run.get_id() or "")


def to_run(run: str, text: str) -> str:
    """A Markdown link to the run's page; its id if the server has no pages."""
    url = url_for("flow-run", UUID(run))
    return f"[{text}]({url})" if url else f"{text} ({run})"
