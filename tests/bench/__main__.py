"""Measure: `make bench`, or a part of it with `make bench ARGS="rebuild catch_up --events 100000"`.

Starts a PostgreSQL of its own with fsync on, prints a table and writes it, with plots, the machine and the versions,
into `tests/bench/results`. It says which promises were missed; with `--strict`, it then ends with 1.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from acci.store.postgres.database import connect
from tests.bench import (
    append_clients,
    append_latency,
    append_throughput,
    application,
    audits,
    backfill,
    catch_up,
    commands,
    following,
    growth,
    hot_aggregate,
    long_lives,
    partitions,
    python_fold,
    rebuild,
    report,
    scheduling,
    snapshots,
)
from tests.bench.ground import Ground
from tests.bench.reacting import deciding, delivering
from tests.bench.rows import Row

RESULTS = Path(__file__).parent / "results"
Subject = Callable[[Ground, argparse.Namespace], list[Row]]

SUBJECTS: dict[str, Subject] = {
    "append": lambda ground, said: append_throughput.measure(ground.database(), said.turns),
    "append_clients": lambda ground, said: append_clients.measure(ground.database(), said.turns),
    "latency": lambda ground, _: append_latency.measure(ground.database()),
    "commands": lambda ground, said: (
        commands.measure(ground.database()) + long_lives.measure(ground.database(), said.turns)
    ),
    "application": lambda ground, said: application.measure(ground.database(), said.turns),
    "hot_aggregate": lambda ground, said: hot_aggregate.measure(ground.database(), said.turns),
    "rebuild": lambda ground, said: rebuild.measure(ground, said.events, said.turns),
    "catch_up": lambda ground, said: catch_up.measure(ground, said.events, said.turns),
    "fold": lambda ground, said: python_fold.measure(ground, said.events, said.turns),
    "audits": lambda ground, said: audits.measure(ground, said.events, said.turns),
    "snapshots": lambda ground, said: snapshots.measure(ground, said.turns),
    "partitions": lambda ground, said: partitions.measure(ground, said.events, said.turns),
    "backfill": lambda ground, said: backfill.measure(ground, said.events, said.turns),
    "growth": lambda ground, said: growth.measure(ground, said.events, said.growth, said.turns),
    "following": lambda ground, said: following.measure(ground, said.turns),
    "deciding": lambda ground, said: deciding.measure(ground, said.events, said.turns),
    "delivering": lambda ground, said: delivering.measure(ground, said.events, said.turns),
    "scheduling": lambda ground, said: scheduling.measure(ground, said.turns),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure ACCI beside the best written by hand.")
    parser.add_argument("subjects", nargs="*", default=list(SUBJECTS), metavar="subject", help=", ".join(SUBJECTS))
    parser.add_argument("--events", type=int, default=1_000_000, help="length of the history (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="how often each way is timed; medians count (%(default)s)")
    parser.add_argument("--growth", type=int, default=0, help="one more length for growth: 10000000")
    parser.add_argument("--folder", type=Path, help="where the server's data lie meanwhile")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the tables go")
    parser.add_argument("--strict", action="store_true", help="end with 1 if a promise was missed")
    said = parser.parse_args()
    unknown = sorted(set(said.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    measured: dict[str, list[Row]] = {}
    with (
        tempfile.TemporaryDirectory(dir=said.folder, prefix="acci-bench-") as folder,
        Ground(Path(folder)).running() as ground,
    ):
        with connect(ground.database(), "bench") as connection:
            about = report.conditions(connection.info.parameter_status("server_version") or "", said.events, said.turns)
        for subject in said.subjects:
            measured[subject] = SUBJECTS[subject](ground, said)
            report.show(measured[subject])
            report.write(said.results, measured, about)
    missed = report.missed(measured)
    print(*(["Missed:", *missed] if missed else ["Every promise was kept."]), sep="\n")  # noqa: T201
    if said.strict and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
