"""Processes found by a mark in their environment: flow runs without a worker, what a killed `acci up` left."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from acci.flows.local.environment import MARK
from acci.store.extras import needs
from acci.store.settings import Settings

with needs("flows"):
    import psutil

EXIT_TIMEOUT_SECONDS = 5


def end_orphaned_processes(settings: Settings, spare: int | None = None) -> int:
    """End all that an `acci up` of this folder started, flow runs too, except `spare`; gives how many there were."""
    return end_processes(str(settings.home), spare)


def end_processes(mark: str, spare: int | None = None) -> int:
    """End every process whose environment has that mark, except `spare`; gives how many there were.

    PostgreSQL rolls back what they had not committed.
    """
    found = [process for process in _marked(mark) if process.pid != spare]
    for process in found:
        _signal(process.terminate)
    _, alive = psutil.wait_procs(found, EXIT_TIMEOUT_SECONDS)
    for process in alive:
        _signal(process.kill)
    psutil.wait_procs(alive, EXIT_TIMEOUT_SECONDS)
    return len(found)


def _marked(mark: str) -> Iterator[psutil.Process]:
    # Their parents may be gone, and flow runs have sessions of their own; but they all inherited the environment.
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has just ended, or belongs to another user
            if process.environ().get(MARK) == mark:
                yield process


def _signal(what: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        what()
