"""Charts as SVG, drawn by hand: no library, and no address that a page would have to fetch."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 240, 48, 36, 28


def stacked_bars(title: str, bars: Sequence[tuple[str, Sequence[int]]], series: Mapping[str, str]) -> str:
    """A bar for each label, its parts one upon another in the order of `series` (name to colour)."""
    highest = max((sum(parts) for _, parts in bars), default=0) or 1
    step = (WIDTH - LEFT) / max(len(bars), 1)
    plot = HEIGHT - TOP - BOTTOM
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-size="13">{escape(title)}</text>',
        f'<text x="{LEFT - 6}" y="{TOP + 8}" font-size="11" text-anchor="end">{highest:,}</text>',
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" font-size="11" text-anchor="end">0</text>',
        f'<line x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH}" y2="{HEIGHT - BOTTOM}" stroke="#bbb"/>',
    ]
    for place, (name, colour) in enumerate(series.items()):
        legend = WIDTH - 90 * (len(series) - place)
        drawn.append(f'<rect x="{legend}" y="7" width="10" height="10" fill="{colour}"/>')
        drawn.append(f'<text x="{legend + 14}" y="16" font-size="11">{escape(name)}</text>')
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
