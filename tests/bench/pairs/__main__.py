"""Old beside new, in turns: `python -m tests.bench.pairs OLD [--pairs 8] [--only "append, 1"]`.

OLD is another checkout. Each side has a server of its own; a turn is old then new, the next new then old. It prints,
for every subject, the median of the pairs' ratios new/old with the interval that holds it at 95 % (by the sign test):
no loss unless a rate's whole interval lies below 0.95, or one of processor time or WAL lies above 1.03.
"""

import argparse
import json
import os
import subprocess
import sys
from math import comb
from pathlib import Path
from statistics import median
from typing import IO

HERE = Path(__file__).parents[3]
# Where a checkout from before the package `acci` has what the measuring side imports.
BEFORE = {
    "acci.store.registry": "store.catalogue",
    "acci.store.postgres.database": "store.database",
    "acci.store.log.event_store": "store.events",
    "acci.store.commands.handler": "store.handling",
    "acci.domain": "domain",
}


class Side:
    """A process that measures one checkout."""

    def __init__(self, checkout: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _program(checkout)],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(checkout / ".venv" / "src"), str(checkout)])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.subjects: list[str] = json.loads(_open(self._process.stdout).readline())

    def measure(self, subject: str) -> dict[str, float]:
        """What it cost by the measure's name."""
        print(subject, file=_open(self._process.stdin), flush=True)
        answer: dict[str, float] = json.loads(_open(self._process.stdout).readline())
        return answer

    def end(self) -> None:
        """Its server is gone afterwards."""
        _open(self._process.stdin).close()
        self._process.wait()


def _program(checkout: Path) -> str:
    text = (Path(__file__).parent / "side.py").read_text(encoding="utf-8")
    if not (checkout / "py.typed").exists():
        for now, before in BEFORE.items():
            text = text.replace(now, before)
    return text


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the side has no such stream")
    return stream


def interval(ratios: list[float]) -> tuple[float, float]:
    """Of the median, at 95 % or as near as so few allow."""
    ordered, number = sorted(ratios), len(ratios)
    out = 0
    while out < number // 2 - 1 and 2 * sum(comb(number, each) for each in range(out + 2)) / 2**number <= 0.05:
        out += 1
    return ordered[out], ordered[-1 - out]


def main() -> None:
    """Prints a line a measure as soon as a subject's pairs are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--only", action="append")
    said = parser.parse_args()
    sides = {"old": Side(said.old.resolve()), "new": Side(HERE)}
    try:
        for subject in said.only or sides["new"].subjects:
            for side in sides.values():
                side.measure(subject)  # warm
            found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
            for turn in range(said.pairs):
                for name in sorted(sides, reverse=turn % 2 == 0):
                    found[name].append(sides[name].measure(subject))
            for measure in found["new"][0]:
                pairs = [(old[measure], new[measure]) for old, new in zip(found["old"], found["new"], strict=True)]
                low, high = interval([new / old for old, new in pairs if old])
                old, new = (median(each) for each in zip(*pairs, strict=True))
                middle = median(new / old for old, new in pairs if old)
                line = f"{subject:20} {measure:17} {middle:5.2f} ({low:.2f} to {high:.2f})  {old:.6g} → {new:.6g}"
                print(line, flush=True)  # noqa: T201
    finally:
        for side in sides.values():
            side.end()


if __name__ == "__main__":
    main()
