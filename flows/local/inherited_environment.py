"""What of the shell's environment is meant for what `acci up` starts."""

import os
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

import acci

# How Prefect's processes go about things. Which server, database, profile and login they use is not the shell's to say
# where the server is ours: that was set for another one, or for another version of Prefect.
MEANT = (
    "DEBUG_", "FLOWS_", "LOGGING_", "RESULTS_", "RUNNER_", "SERVER_LOGGING_", "SERVER_SERVICES_", "TASKS_", "WORKER_",
)  # fmt: skip
PREFECT = "PREFECT_"
IMPORTED_FROM = Path(acci.__file__).parents[1]


def meant_for_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for Prefect's processes where the Prefect server is ours."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(PREFECT) or name.removeprefix(PREFECT).startswith(MEANT)
    }


def python_path(entries: str, contexts: Iterable[str]) -> str:
    """The PYTHONPATH of what is started: ACCI's folder first, and none with a package by a name that ACCI needs.

    Prefect puts a run's PYTHONPATH before what is installed. A folder that a context comes from stays all the same.
    """
    installed = Path(sysconfig.get_path("purelib"))
    ours = (_packages(installed) | {"acci"}) - {"tests"}
    wanted = {context.partition(".")[0] for context in contexts} - ours
    kept = [IMPORTED_FROM]
    for folder in [Path(entry).absolute() for entry in entries.split(os.pathsep) if entry]:
        names = _packages(folder)
        if names & wanted or not names & ours or folder == installed:
            kept.append(folder)
    return os.pathsep.join(map(str, dict.fromkeys(kept)))


def _packages(folder: Path) -> set[str]:
    """What may be imported from there."""
    return {path.parent.name for path in folder.glob("*/__init__.py")} | {path.stem for path in folder.glob("*.py")}
