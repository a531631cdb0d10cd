"""A subject's figures as a picture: bars for what stands alone, lines for what grows along something.

The only module that imports matplotlib.
"""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.bench.rows import Row

COLOURS = {"ACCI": "#1b6ca8", "eventsourcing": "#c0504d", "by hand or bare": "#9a9a9a"}
BAR_HEIGHT, PANEL_HEAD, LINES_HEIGHT, WIDTH = 0.26, 0.9, 3.6, 10.0


def draw(file: Path, title: str, rows: Sequence[Row]) -> None:
    """Write the picture as a PNG: a panel for each unit's bars, and one for each unit's curves."""
    bars = _by_unit([row for row in rows if not row.curve])
    lines = _by_unit([row for row in rows if row.curve])
    heights = [PANEL_HEAD + BAR_HEIGHT * len(panel) for panel in bars] + [LINES_HEIGHT] * len(lines)
    if not heights:
        return
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    panels: list[list[Axes]] = figure.subplots(len(heights), squeeze=False, height_ratios=heights).tolist()
    axes = [row[0] for row in panels]
    for where, panel in zip(axes, bars + lines, strict=True):
        (_lines if panel[0].curve else _bars)(where, panel)
    figure.savefig(file, dpi=110)


def whose(name: str) -> str:
    """Which of COLOURS a row's or a curve's name belongs to."""
    if "eventsourcing" in name:
        return "eventsourcing"
    by_hand = any(mark in name for mark in ("by hand", "bare", "one statement an event"))
    return "by hand or bare" if by_hand else "ACCI"


def _by_unit(rows: Sequence[Row]) -> list[list[Row]]:
    panels: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        panels.setdefault((row.unit, row.along), []).append(row)
    return list(panels.values())


def _bars(axes: Axes, rows: Sequence[Row]) -> None:
    places = range(len(rows))
    drawn = axes.barh(places, [row.figure for row in rows], color=[COLOURS[whose(row.name)] for row in rows])
    axes.bar_label(drawn, [f"{row.figure:,.4g}" for row in rows], padding=3, fontsize=7)
    axes.set_yticks(places, [row.name for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(rows[0].unit, fontsize=8)
    axes.margins(x=0.12)


def _lines(axes: Axes, rows: Sequence[Row]) -> None:
    for curve in dict.fromkeys(row.curve for row in rows):
        points = sorted((row.at, row.figure) for row in rows if row.curve == curve)
        axes.plot(*zip(*points, strict=True), marker="o", label=curve)
    axes.set_xscale("log")
    axes.set_xticks(sorted({row.at for row in rows}), [f"{at:,.0f}" for at in sorted({row.at for row in rows})])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(rows[0].along, fontsize=8)
    axes.set_ylabel(rows[0].unit, fontsize=8)
    axes.legend(fontsize=7)
