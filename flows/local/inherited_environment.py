"""Which of the shell's variables reach the processes that `acci up` starts."""

import os
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

import acci

# Variables of Prefect that are passed on. Which server, database, profile and login its processes use is not taken from
# the shell where the server is ours: it was set for another server, or for another version of Prefect.
PASSED_ON = (
    "DEBUG_", "FLOWS_", "LOGGING_", "RESULTS_", "RUNNER_", "SERVER_LOGGING_", "SERVER_SERVICES_", "TASKS_", "WORKER_",
)  # fmt: skip
PREFECT = "PREFECT_"
IMPORTED_FROM = Path(acci.__file__).parents[1]


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without Prefect's variables, except those that are passed on to our own server."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(PREFECT) or name.removeprefix(PREFECT).startswith(PASSED_ON)
    }


def python_path(entries: str, contexts: Iterable[str], project: Path | None) -> str:
    """The PYTHONPATH for child processes: ACCI's folder first, and no folder with a package named like one ACCI needs.

    Prefect puts a run's PYTHONPATH before installed packages. A folder that a context comes from is kept in any case.
    The project's folder comes last, after what is installed.
    """
    installed = Path(sysconfig.get_path("purelib"))
    ours = (_packages(installed) | {"acci"}) - {"tests"}
    wanted = {context.partition(".")[0] for context in contexts} - ours
    kept = [IMPORTED_FROM]
    for folder in [Path(entry).absolute() for entry in entries.split(os.pathsep) if entry]:
        names = _packages(folder)
        if names & wanted or not names & ours or folder == installed:
            kept.append(folder)
    if project is not None:
        kept += [installed, project]
    return os.pathsep.join(map(str, dict.fromkeys(kept)))


def _packages(folder: Path) -> set[str]:
    """The names of packages and modules in the folder."""
    return {path.parent.name for path in folder.glob("*/__init__.py")} | {path.stem for path in folder.glob("*.py")}
