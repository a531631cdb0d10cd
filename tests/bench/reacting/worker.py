"""Reacts and delivers until it is terminated: `python -m tests.bench.reacting.worker URL PORT REACTION`."""

import signal
import sys
import threading

from acci.store.reacting.delivering import deliver
from acci.store.reacting.following import follow_reactions
from acci.store.reacting.routes import Routes
from acci.store.settings import Topic
from tests.bench.reacting.domain import CATALOGUE, TOPIC


def main() -> None:
    url, port, reaction = sys.argv[1:]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    routes = Routes(((TOPIC, Topic("webhook", f"http://127.0.0.1:{port}/", allow_private=True)),))
    reacting = threading.Thread(
        target=follow_reactions, args=(url, CATALOGUE, [reaction], 0.02, ended.is_set, _say), daemon=True
    )
    reacting.start()
    deliver(url, CATALOGUE, routes, ended.is_set, _say)


def _say(name: str, what: str) -> None:
    sys.stderr.write(f"{name}: {what}\n")


if __name__ == "__main__":
    main()
