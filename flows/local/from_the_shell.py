"""What of the shell's environment is meant for what `acci up` starts."""

from collections.abc import Mapping

# How Prefect's processes go about things. Which server, database, profile and login they use is not the shell's to say
# where the server is ours: that was set for another one, or for another version of Prefect.
MEANT = (
    "DEBUG_", "FLOWS_", "LOGGING_", "RESULTS_", "RUNNER_", "SERVER_LOGGING_", "SERVER_SERVICES_", "TASKS_", "WORKER_",
)  # fmt: skip
PREFECT = "PREFECT_"


def meant_for_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for Prefect's processes where the Prefect server is ours."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(PREFECT) or name.removeprefix(PREFECT).startswith(MEANT)
    }
