"""`acci run check-health`: the health check as a flow, which also samples the lag."""

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def check_health(json: JsonFlag = False) -> None:
    """Check the health, and sample the lag.

    For scripts and monitoring: acci health.
    """
    run_flow("acci.flows.check_health:check_health", "all", {}, json)
