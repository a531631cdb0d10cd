"""A process that reacts and delivers until it is killed: `python -m tests.support.reacting_worker URL RECEIVER`."""

import sys
import threading

from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.reacting.delivering import deliver
from acci.store.reacting.following import follow_reactions
from acci.store.reacting.routes import Routes
from acci.store.reacting.senders.commands import CommandSender
from acci.store.registry import load
from acci.store.settings import Topic


def main() -> None:
    url, receiver = sys.argv[1:]
    catalogue = load(["tests.domains.shipping"])
    names = sorted(catalogue.reactions)
    with Database(url, 8, "append") as database:
        handler = CommandHandler(EventStore(database, catalogue), catalogue)
        topic = Topic("webhook", receiver, allow_private=True, timeout=2.0)
        routes = Routes((("parcels", topic),), commands=CommandSender(handler.handle, catalogue))
        reacting = threading.Thread(
            target=follow_reactions, args=(url, catalogue, names, 0.02, lambda: False, _say), daemon=True
        )
        reacting.start()
        deliver(url, catalogue, routes, lambda: not reacting.is_alive(), _say)


def _say(name: str, what: str) -> None:
    sys.stderr.write(f"{name}: {what}\n")


if __name__ == "__main__":
    main()
