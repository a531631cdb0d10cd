"""The flow that says whether everything is as it should be."""

from collections.abc import Sequence
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from acci.flows.artifacts.charts import lines
from acci.flows.artifacts.tables import markdown_table, tell_chart
from acci.flows.runtime import prefect_events
from acci.flows.runtime.links import to_run
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.auditing.statistics import LastAudit, last_audit
from acci.store.monitoring.health import Bounds, Health, examine
from acci.store.monitoring.lag_samples import lag_curves, sample
from acci.store.registry import load
from acci.store.settings import Settings

HOURS_SHOWN = 24


@step("look at everything")
def look(bounds: Bounds) -> Health:
    """What `acci health` would say."""
    settings = Settings.from_environment()
    return examine(settings, load(settings.contexts), bounds)


@flow(name="check-health", flow_run_name="check health", timeout_seconds=allowed_seconds())
@refusing
def check_health(
    mark_seconds: Annotated[int, Field(ge=0)] = 300,
    lag_seconds: Annotated[int, Field(ge=0)] = 600,
    lag_events: Annotated[int, Field(ge=0)] = 1_000_000,
    audit_hours: Annotated[int, Field(ge=0)] = 26,
    dead_letters: Annotated[int, Field(ge=0)] = 0,
    quiet_seconds: Annotated[int, Field(ge=0)] = 0,
) -> State[Any]:
    """Say whether everything is as it should be; the run is failed if anything is not, and tells it as an event.

    Besides it notes how far behind read models are, for the curve of the last day.

    Args:
        mark_seconds: How long the high-water mark may stand still while it should move.
        lag_seconds: How long an event may wait to be applied.
        lag_events: How many events may wait to be applied.
        audit_hours: How long ago the last full audit may be.
        dead_letters: How many events may be unapplied.
        quiet_seconds: How long nobody may have appended; 0 for any time.
    """
    bounds = Bounds(mark_seconds, lag_seconds, lag_events, audit_hours, dead_letters, quiet_seconds or None)
    found = look(bounds)
    if not found.reached:
        return Failed(name="Unhealthy", message=found.checks[0].said)
    wrong = [check for check in found.checks if not check.healthy]
    for check in wrong:
        get_run_logger().error("%s: %s", check.name, check.said)
        prefect_events.announce(
            f"{prefect_events.UNHEALTHY}.{check.kind.replace(' ', '-')}", check.projection, {"said": check.said}
        )
    if all(check.healthy for check in found.checks if check.kind == "migrations"):
        with session("health") as (connection, catalogue):
            sample(connection, catalogue)
            curves, last = lag_curves(connection, HOURS_SHOWN), last_audit(connection)
        tell(found, last)
        tell_lag(curves)
    if wrong:
        more = f" And {len(wrong) - 1} more: see the artifacts." if len(wrong) > 1 else ""
        return Failed(name="Unhealthy", message=f"{wrong[0].said}{more}")
    return Completed(name="Healthy", message=f"{len(found.checks)} checks were made, and all is well.")


def tell(found: Health, last: LastAudit | None) -> None:
    """What was looked at, what is wrong first, and the way to the last audit."""
    ranked = sorted(found.checks, key=lambda check: check.healthy)
    rows = [("well" if check.healthy else "**not well**", check.name, check.said) for check in ranked]
    markdown = markdown_table(("", "what", "as it is"), rows)
    if last is not None and last.run:
        markdown += f"\n\n{to_run(last.run, 'The last audit')}, {last.made_at:%Y-%m-%d %H:%M} UTC"
    create_markdown_artifact(key="health", markdown=markdown, description="Whether everything is as it should be")


def tell_lag(curves: dict[str, Sequence[tuple[float, float]]]) -> None:
    """A curve of the last day for each read model."""
    title = f"Lag in seconds, the last {HOURS_SHOWN} hours"
    drawn = lines(title, curves, "hours", "{:.0f}".format, (-HOURS_SHOWN, 0))
    tell_chart("lag", drawn, "How far read models were behind")
