"""A process that forks, as web servers do that load the application first: each side has connections of its own."""

import subprocess
import sys
from decimal import Decimal

from acci.store.aggregates.repository import Repository
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Account, stream
from tests.support.shell import CHECKOUT

CATALOGUE = Catalogue((CONTEXT,))
COUNT = 200
FORKING = """
import os, signal, sys
from decimal import Decimal
from acci.store.registry import Catalogue
from acci.store.postgres.database import Database
from acci.store.log.event_store import EventStore
from acci.store.commands.handler import CommandHandler
from tests.domains.ledger import CONTEXT, Open, Pay, command, stream

url, count = sys.argv[1], int(sys.argv[2])
catalogue = Catalogue((CONTEXT,))
store = EventStore(Database(url), catalogue)
handler = CommandHandler(store, catalogue)
handler.handle(command(Open(account="before", holder="Ann")))
children = []
for name in "ab":
    pid = os.fork()
    if pid == 0:
        break
    children.append(pid)
else:
    name = "parent"
signal.alarm(60)
told = [handler.handle(command(Open(account=name, holder="Ann")))[0]]
told += [handler.handle(command(Pay(account=name, amount=Decimal(1))))[0] for _ in range(count)]
assert list(store.read_stream(stream(name))) == told
if not children or name != "parent":
    sys.stdout.flush()
    sys.exit(0)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
handler.handle(command(Pay(account=name, amount=Decimal(1))))
"""


def test_parent_and_fork_use_connections_of_their_own(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING, database_url, str(COUNT)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with Database(database_url) as database:
        store = EventStore(database, CATALOGUE)
        balances = {name: Repository(store).load(Account, stream(name)).state.balance for name in ("a", "b", "parent")}
    assert balances == {"a": Decimal(COUNT), "b": Decimal(COUNT), "parent": Decimal(COUNT + 1)}
