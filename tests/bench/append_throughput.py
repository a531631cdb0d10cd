"""How many appends a second the SQL alone does, beside a bare prepared single-row INSERT into the same table.

From 1, 8, 32 and 64 connections, both driven the same way, by pgbench, in turns, each append and each INSERT for a
stream of its own. The ratio at 32 is the promise.
"""

import statistics

from tests.bench import pgbench
from tests.bench.rows import Row, latencies

CONNECTIONS, PROMISED_AT, PROMISE = (1, 8, 32, 64), 32, "≥ 0.8"
SECONDS, TURNS = 3, 5


def measure(database_url: str, turns: int) -> list[Row]:
    """Turn by turn, so that what else the machine does meets both; medians of the turns, percentiles of all."""
    rows: list[Row] = []
    for clients in CONNECTIONS:
        rows += _pair(database_url, clients, min(turns, TURNS if clients == PROMISED_AT else TURNS - 2))
    return rows


def _pair(url: str, clients: int, turns: int) -> list[Row]:
    scripts = {"bare prepared INSERT": pgbench.bare(), "append": pgbench.append()}
    done: dict[str, list[pgbench.Driven]] = {name: [] for name in scripts}
    for _ in range(turns):
        for name, script in scripts.items():
            done[name].append(pgbench.drive(url, script, clients, SECONDS))
    rates = {name: statistics.median(each.rate for each in found) for name, found in done.items()}
    bare, ours = rates.values()
    rows: list[Row] = []
    for name, found in done.items():
        what = f"{name}, {clients} connections"
        ratio, promise = (ours / bare, PROMISE if clients == PROMISED_AT else "") if name == "append" else (None, "")
        rows.append(Row(what, rates[name], "1/s", ratio, promise, name, clients, "connections"))
        rows += latencies(what, [seconds for each in found for seconds in each.seconds])
    return rows
