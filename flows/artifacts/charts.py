"""Charts as SVG, drawn without a library and embedded, so that a page fetches nothing."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 240, 64, 36, 28
COLOURS = ("#2563eb", "#c0392b", "#2e8b57", "#8e44ad", "#e6a23c", "#16a2b8", "#7f8c8d")


def stacked_bars(title: str, bars: Sequence[tuple[str, Sequence[int]]], series: Mapping[str, str]) -> str:
    """A bar for each label, its parts stacked in the order of `series` (name to colour)."""
    highest = max((sum(parts) for _, parts in bars), default=0) or 1
    step = (WIDTH - LEFT) / max(len(bars), 1)
    plot = HEIGHT - TOP - BOTTOM
    drawn = _frame(title, f"{highest:,}", series)
    for number, (label, parts) in enumerate(bars):
        x, top = LEFT + number * step, float(HEIGHT - BOTTOM)
        for value, (name, colour) in zip(parts, series.items(), strict=True):
            size = plot * value / highest
            top -= size
            if value:
                said = f"<title>{escape(label)}: {value:,} {escape(name)}</title>"
                place_ = f'x="{x + 1:.1f}" y="{top:.1f}" width="{step - 2:.1f}" height="{size:.1f}"'
                drawn.append(f'<rect {place_} fill="{colour}">{said}</rect>')
        if number % max(1, len(bars) // 6) == 0:
            drawn.append(f'<text x="{x:.1f}" y="{HEIGHT - 10}" font-size="11">{escape(label)}</text>')
    return "".join([*drawn, "</svg>"])


def lines(
    title: str,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    along: str,
    said: Callable[[float], str] = "{:,.0f}".format,
    span: tuple[float, float] | None = None,
) -> str:
    """A curve for each name through its points (x, y), from zero up; `said` formats an x, `along` labels the axis.

    The picture shows the x of `span`, or from the first point to the last.
    """
    points = [point for curve in curves.values() for point in curve]
    least, most = span or (min((x for x, _ in points), default=0.0), max((x for x, _ in points), default=1.0))
    highest = max((y for _, y in points), default=0.0) or 1.0
    plot, width = HEIGHT - TOP - BOTTOM, WIDTH - LEFT - 12
    colours = dict(zip(curves, (COLOURS[number % len(COLOURS)] for number in range(len(curves))), strict=True))
    drawn = _frame(title, f"{highest:,.0f}" if highest >= 10 else f"{highest:,.2f}", colours)
    for name, curve in curves.items():
        places = [
            f"{LEFT + width * (x - least) / ((most - least) or 1):.1f},{HEIGHT - BOTTOM - plot * y / highest:.1f}"
            for x, y in curve
        ]
        if len(places) == 1:
            x, _, y = places[0].partition(",")
            drawn.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colours[name]}"/>')
        drawn.append(f'<polyline points="{" ".join(places)}" fill="none" stroke="{colours[name]}" stroke-width="1.5"/>')
    if points:
        drawn.append(f'<text x="{LEFT}" y="{HEIGHT - 10}" font-size="11">{escape(said(least))}</text>')
        drawn.append(
            f'<text x="{WIDTH - 12}" y="{HEIGHT - 10}" font-size="11" text-anchor="end">{escape(said(most))}</text>'
        )
    middle = LEFT + width / 2
    drawn.append(f'<text x="{middle}" y="{HEIGHT - 10}" font-size="11" text-anchor="middle">{escape(along)}</text>')
    return "".join([*drawn, "</svg>"])


def as_image(svg: str) -> str:
    """A data URL with the picture itself."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _frame(title: str, highest: str, legend: Mapping[str, str]) -> list[str]:
    """The picture's frame: title, axes and legend."""
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-size="13">{escape(title)}</text>',
        f'<text x="{LEFT - 6}" y="{TOP + 8}" font-size="11" text-anchor="end">{escape(highest)}</text>',
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" font-size="11" text-anchor="end">0</text>',
        f'<line x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH}" y2="{HEIGHT - BOTTOM}" stroke="#bbb"/>',
    ]
    left = WIDTH - sum(26 + 6.5 * len(name) for name in legend)
    for name, colour in legend.items():
        drawn.append(f'<rect x="{left:.0f}" y="7" width="10" height="10" fill="{colour}"/>')
        drawn.append(f'<text x="{left + 14:.0f}" y="16" font-size="11">{escape(name)}</text>')
        left += 26 + 6.5 * len(name)
    return drawn
