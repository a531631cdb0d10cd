"""How many commands a second threads handle that are all meant for one aggregate, beside one thread alone.

Each by one handler, of one process, in turns; with how many gave up.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from acci.domain.errors import ConcurrencyError
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database
from acci.store.registry import load
from tests.bench.rows import Row
from tests.domains.ledger import Open, Pay, command

THREADS, COMMANDS = (1, 4, 16), 320  # commands a turn


def measure(database_url: str, turns: int) -> list[Row]:
    """The ratio is to one thread's rate."""
    catalogue = load(["tests.domains.ledger"])
    rates: dict[int, list[float]] = {}
    gave_up = dict.fromkeys(THREADS, 0)
    with Database(database_url, size=max(THREADS)) as database:
        handler = CommandHandler(EventStore(database, catalogue), catalogue)
        handler.handle(command(Open(account="hot", holder="Ann")))

        def send(count: int) -> int:
            """How many of so many commands were given up."""
            failed = 0
            for _ in range(count):
                try:
                    handler.handle(command(Pay(account="hot", amount=Decimal(1))))
                except ConcurrencyError:
                    failed += 1
            return failed

        for _ in range(turns):
            for threads in THREADS:
                began = time.perf_counter()
                with ThreadPoolExecutor(threads) as pool:
                    gave_up[threads] += sum(pool.map(send, [COMMANDS // threads] * threads))
                rates.setdefault(threads, []).append(COMMANDS / (time.perf_counter() - began))
    medians = {threads: statistics.median(found) for threads, found in rates.items()}
    rows = []
    for threads, rate in medians.items():
        what = f"commands to one aggregate, {threads} thread{'s' * (threads > 1)}"
        rows.append(Row(what, rate, "1/s", rate / medians[1], "≥ 1" if threads == max(THREADS) else ""))
        rows.append(Row(f"{what}, given up", gave_up[threads], "", None, "≤ 0"))
    return rows
