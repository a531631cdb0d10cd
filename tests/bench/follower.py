"""A follower in a process of its own: `python -m tests.bench.follower URL INTERVAL NAME…`, until it is terminated."""

import signal
import sys
import threading

from acci.store.projecting.following import follow
from tests.bench.ground import CATALOGUE


def main() -> None:
    url, interval, *names = sys.argv[1:]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    follow(url, CATALOGUE, names, float(interval), ended.is_set, _tell)


def _tell(name: str, what: str) -> None:
    sys.stderr.write(f"{name}: {what}\n")


if __name__ == "__main__":
    main()
