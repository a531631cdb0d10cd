"""One measurement in a process of its own, so that its memory is its own: `python -m tests.bench.alone URL WHAT NAME`.

Prints the seconds that it took and the most memory that the process had, in MiB, as JSON.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple


class Measured(NamedTuple):
    """What one process took."""

    seconds: float
    megabytes: float


def measure(url: str, what: str, projection: str) -> Measured:
    """Rebuild or catch up (`what`) that projection in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.alone", url, what, projection]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(*json.loads(done.stdout))


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there may be of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    from tests.bench import catch_up, rebuild
    from tests.bench.ground import CATALOGUE

    url, what, name = sys.argv[1:]
    ways: dict[str, Callable[..., float]] = {
        "rebuild": rebuild.rebuild,
        "catch-up": partial(catch_up.catch_up, batch_size=None),
    }
    print(json.dumps([ways[what](url, CATALOGUE.projection(name)), peak()]))  # noqa: T201


if __name__ == "__main__":
    main()
