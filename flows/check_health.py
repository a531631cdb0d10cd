"""The flow that checks whether the system is healthy."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.tables import markdown_table
from acci.flows.runtime import prefect_events
from acci.flows.runtime.links import to_run
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import catalogue, session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.auditing.statistics import LastAudit, last_audit
from acci.store.extras import needs
from acci.store.monitoring.checks.check import Bounds
from acci.store.monitoring.health import Health, examine
from acci.store.monitoring.lag_samples import lag_curves, sample
from acci.store.settings import Settings

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_markdown_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed

Lag = Mapping[str, Sequence[tuple[float, float]]]  # by read model, samples: hours from now, seconds behind

HOURS_SHOWN = 24


@step("check health")
def check_all(bounds: Bounds) -> Health:
    """What `acci health` would say."""
    return examine(Settings.from_environment(), catalogue(), bounds)


@flow(name="check-health", flow_run_name="check health", timeout_seconds=allowed_seconds())
@refusing
def check_health(
    mark_seconds: Annotated[int, Field(ge=0)] = 300,
    lag_seconds: Annotated[int, Field(ge=0)] = 600,
    lag_events: Annotated[int, Field(ge=0)] = 1_000_000,
    audit_hours: Annotated[int, Field(ge=0)] = 26,
    dead_letters: Annotated[int, Field(ge=0)] = 0,
    quiet_seconds: Annotated[int, Field(ge=0)] = 0,
    undelivered_seconds: Annotated[int, Field(ge=0)] = 600,
) -> State[Any]:
    """Check high-water mark, lag, reactions, dead letters, audits, findings; the run fails if a check is not healthy.

    Each such check is emitted as an event, too. The run also samples how far behind the log each read model is.

    Args:
        mark_seconds: How long the high-water mark may stand still while it should move.
        lag_seconds: How long an event may wait to be applied.
        lag_events: How many events may wait to be applied.
        audit_hours: How long ago the last full audit may be.
        dead_letters: How many dead letters there may be, of all read models, and of each reaction.
        quiet_seconds: Unhealthy if no event was appended for this long; 0 for no limit.
        undelivered_seconds: How long what a reaction decided may wait to be delivered.
    """
    bounds = Bounds(
        mark_seconds, lag_seconds, lag_events, audit_hours, dead_letters, quiet_seconds or None, undelivered_seconds
    )
    found = check_all(bounds)
    if not found.reached:
        return Failed(name="Unhealthy", message=found.checks[0].said)
    wrong = [check for check in found.checks if not check.healthy]
    for check in wrong:
        get_run_logger().error("%s: %s", check.name, check.said)
        prefect_events.emit(
            f"{prefect_events.UNHEALTHY}.{check.kind.replace(' ', '-')}",
            check.projection,
            {"said": check.said},
            check.reaction,
        )
    if all(check.healthy for check in found.checks if check.kind == "migrations"):
        with session("health") as (connection, catalogue):
            sample(connection, catalogue)
            show_health(found, last_audit(connection), lag_curves(connection, HOURS_SHOWN))
    if wrong:
        more = f" And {len(wrong) - 1} more: see the artifacts." if len(wrong) > 1 else ""
        return Failed(name="Unhealthy", message=f"{wrong[0].said}{more}")
    return Completed(name="Healthy", message=f"{len(found.checks)} checks were made, and all is well.")


def show_health(found: Health, last: LastAudit | None, lag: Lag) -> None:
    """Show every check, failed ones first; the highest lags of the last day; and a link to the last audit."""
    ranked = sorted(found.checks, key=lambda check: check.healthy)
    rows = [("well" if check.healthy else "**not well**", check.name, check.said) for check in ranked]
    highest = [(name, f"{max(seconds for _, seconds in samples):,.0f} s") for name, samples in lag.items()]
    markdown = markdown_table(("", "what", "as it is"), rows)
    if highest:
        heads = ("read model", f"highest lag of the last {HOURS_SHOWN} hours")
        markdown += f"\n\n{markdown_table(heads, highest)}"
    if last is not None and last.run:
        markdown += f"\n\n{to_run(last.run, 'The last audit')}, {last.made_at:%Y-%m-%d %H:%M} UTC"
    create_markdown_artifact(key="health", markdown=markdown, description="Whether everything is as it should be")
