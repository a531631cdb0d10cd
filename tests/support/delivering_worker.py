"""A process that delivers with a short lease until it is killed: `-m tests.support.delivering_worker URL RECEIVER`."""

import sys

from acci.store.postgres.database import connect
from acci.store.reacting.delivering import Deliverer
from acci.store.reacting.routes import Routes
from acci.store.registry import load
from acci.store.settings import Topic

LEASE, TIMEOUT = 10.0, 6.0  # seconds


def main() -> None:
    url, receiver = sys.argv[1:]
    routes = Routes((("*", Topic("webhook", receiver, allow_private=True, allow_plain=True, timeout=TIMEOUT)),))
    with connect(url, "deliver", "project") as connection:
        deliverer = Deliverer(connection, load(["tests.domains.shipping"]), routes, lambda *_: None)
        deliverer._lease = LEASE
        while True:
            deliverer.step()


if __name__ == "__main__":
    main()
