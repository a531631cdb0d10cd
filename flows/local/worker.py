"""A worker in the foreground: Prefect's, which takes this database's runs, and ends together with them."""

import os
import subprocess
import sys
from pathlib import Path

from acci.flows.local.environment import MARK, prefect_environment
from acci.flows.local.object_names import OwnNames
from acci.flows.local.orphans import end_processes
from acci.flows.local.prefect_login import Access
from acci.flows.local.relayed_output import RelayedOutput
from acci.store.settings import Settings

STOP_TIMEOUT_SECONDS = 20


class Worker:
    """A process of its own, in a session of its own: Ctrl-C in the terminal reaches it only through `stop`."""

    def __init__(self, settings: Settings, access: Access, limit: int, name: str | None) -> None:
        words = ["worker", "start", "--pool", OwnNames.of(settings).pool, "--type", "process", "--limit", str(limit)]
        if name:
            words += ["--name", name]
        self._mark = f"{settings.home} worker {os.getpid()}"  # its own, so that nobody else's runs are ended
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "prefect", *words],
            cwd=_quiet_folder(settings),
            env=prefect_environment(settings, access, None) | {MARK: self._mark},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Not all that Prefect and a run print is logged.
            stdout=subprocess.PIPE if settings.log_format == "json" else None,
            stderr=subprocess.STDOUT if settings.log_format == "json" else None,
        )
        self._relayed = None if self._process.stdout is None else RelayedOutput(self._process.stdout)

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        code = self._process.wait()
        self._finish_output()
        return code

    def stop(self) -> None:
        """Afterwards it and its runs have ended; the runs have reported that. What they had not committed is undone."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        end_processes(self._mark)
        self._finish_output()

    def _finish_output(self) -> None:
        if self._relayed is not None:
            self._relayed.finish()


def _quiet_folder(settings: Settings) -> Path:
    """Where Prefect finds no settings, and Python no packages."""
    folder = settings.home / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
