"""A run's figures as a table on the screen, as Markdown with plots and as JSON, with what they were measured on."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import plots
from tests.bench.rows import Row

HEADINGS = ("measured", "figure", "unit", "ratio", "promised", "")
VERDICTS = {True: "kept", False: "**missed**", None: ""}


def conditions(server: str, events: int, turns: int) -> dict[str, str]:
    """The machine, the versions, the time."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()}, {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "commit": _commit(),
        "PostgreSQL": f"{server}, fsync on",
        "Python": platform.python_version(),
        **{name: version(name) for name in ("psycopg", "prefect", "eventsourcing")},
        "history": f"{events:,} events unless said otherwise; medians of {turns} turns",
    }


def show(rows: Sequence[Row]) -> None:
    table = Table(*HEADINGS)
    for row in rows:
        style = {True: "green", False: "red", None: None}[row.kept]
        table.add_row(*(cell.strip("*") for cell in _cells(row)), style=style)
    Console().print(table)


def missed(subjects: Mapping[str, Sequence[Row]]) -> list[str]:
    """A sentence for each promise that was not kept."""
    return [
        f"{subject}: {row.name}: {_figure(row.figure if row.ratio is None else row.ratio)}, promised {row.promise}"
        for subject, rows in subjects.items()
        for row in rows
        if row.kept is False
    ]


def write(folder: Path, subjects: Mapping[str, Sequence[Row]], about: Mapping[str, str]) -> None:
    """Write `<date>.md`, `<date>.json` and the plots into `folder`, in place of an earlier run's of that day."""
    folder.mkdir(exist_ok=True, parents=True)
    day = about["date"].split()[0]
    for earlier in folder.glob(f"{day}-*.png"):
        earlier.unlink()
    broken = missed(subjects)
    lines = ["# Measured", "", *(f"- {name}: {value}" for name, value in about.items())]
    lines += ["", "Missed:" if broken else "Every promise was kept.", "", *(f"- {each}" for each in broken)]
    for subject, rows in subjects.items():
        lines += ["", f"## {subject}", "", _line(HEADINGS), _line(["---", "---:", "---", "---:", "---", "---"])]
        lines += [_line(_cells(row)) for row in rows]
        plots.draw(folder / f"{day}-{subject}.png", subject, rows)
        lines += ["", f"![{subject}]({day}-{subject}.png)"]
    (folder / f"{day}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    figures = {subject: [row._asdict() for row in rows] for subject, rows in subjects.items()}
    (folder / f"{day}.json").write_text(json.dumps({"about": dict(about), "figures": figures}, indent=1) + "\n")


def _cells(row: Row) -> list[str]:
    ratio = "" if row.ratio is None else _figure(row.ratio)
    return [row.name, _figure(row.figure), row.unit, ratio, row.promise, VERDICTS[row.kept]]


def _figure(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def _commit() -> str:
    """The checkout's commit, and whether anything is changed beside it; empty without git."""
    said = []
    for command in (["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"]):
        try:
            said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        except (OSError, subprocess.CalledProcessError):
            return "unknown"
    return said[0] + (" and changes" if said[1] else "")
