"""A run's figures as a table on the screen, as Markdown and as JSON, with what they were measured on."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.rows import Row

HEADINGS = ("measured", "figure", "unit", "ratio", "promised")


def conditions(server: str, events: int, turns: int) -> dict[str, str]:
    """The machine, the versions, the time."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "PostgreSQL": f"{server}, fsync on",
        "Python": platform.python_version(),
        "psycopg": version("psycopg"),
        "history": f"{events:,} events unless said otherwise; medians of {turns} turns",
    }


def show(rows: Sequence[Row]) -> None:
    table = Table(*HEADINGS)
    for row in rows:
        style = {True: "green", False: "red", None: None}[row.kept]
        table.add_row(*_cells(row), style=style)
    Console().print(table)


def write(folder: Path, subjects: Mapping[str, Sequence[Row]], about: Mapping[str, str]) -> None:
    """Write `<date>.md` and `<date>.json` into `folder`, in place of an earlier run's of that day."""
    folder.mkdir(exist_ok=True)
    day = about["date"].split()[0]
    lines = ["# Measured", "", *(f"- {name}: {value}" for name, value in about.items())]
    for subject, rows in subjects.items():
        lines += ["", f"## {subject}", "", _line(HEADINGS), _line(["---", "---:", "---", "---:", "---"])]
        lines += [_line(_cells(row)) for row in rows]
    (folder / f"{day}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    figures = {subject: [row._asdict() for row in rows] for subject, rows in subjects.items()}
    (folder / f"{day}.json").write_text(json.dumps({"about": dict(about), "figures": figures}, indent=1) + "\n")


def _cells(row: Row) -> list[str]:
    figure = f"{row.figure:,.0f}" if row.figure >= 100 else f"{row.figure:.3g}"
    return [row.name, figure, row.unit, "" if row.ratio is None else f"{row.ratio:.2f}", row.promise]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
