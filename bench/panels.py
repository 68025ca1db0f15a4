"""Small charts side by side as one SVG: lines over points that are each twice or ten times the one before.

Not a program: `bench/growth.py` uses it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, COLUMNS = 300, 230, 3  # of a panel; panels in a row
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 46, 40  # around the lines of a panel
_COLORS = ("#1f77b4", "#d62728", "#7f7f7f")
_DASHES = ("", "", "4 3")


@dataclass(frozen=True)
class Panel:
    """A chart: for each line a name and a value above 0 for each of the points across, or None where there is none."""

    title: str
    across: Sequence[str]
    lines: dict[str, list[float | None]]


def svg(panels: Sequence[Panel], note: str) -> str:
    """The picture. Values go up by their logarithm; 1, at which every line is somewhere, is drawn across."""
    rows = math.ceil(len(panels) / COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        parts += [f'<g transform="translate({column * WIDTH} {row * HEIGHT})">', *_panel(panel), "</g>"]
    parts += [f'<text x="{_LEFT}" y="{height - 8}" fill="#777">{escape(note)}</text>', "</svg>", ""]
    return "\n".join(parts)


def _panel(panel: Panel) -> list[str]:
    """What one chart consists of."""
    values = [value for line in panel.lines.values() for value in line if value is not None]
    low, high = (math.log2(bound) for bound in (min([1.0, *values]), max([1.0, *values])))
    low, high = low - 0.15, max(high, low + 1) + 0.15

    def x(index: int) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (index + 0.5) / len(panel.across)

    def y(value: float) -> float:
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (high - math.log2(value)) / (high - low)

    parts = [f'<text x="{_LEFT}" y="16" font-weight="bold">{escape(panel.title)}</text>']
    step = max(1, round((high - low) / 6))
    for power in range(math.ceil(low / step) * step, math.floor(high) + 1, step):
        at, shade = y(2.0**power), "#999" if power == 0 else "#e4e4e4"
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}" stroke="{shade}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{2.0**power:g}</text>')
    for index, label in enumerate(panel.across):
        parts.append(
            f'<text x="{x(index):.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{escape(label)}</text>'
        )
    for number, (name, line) in enumerate(panel.lines.items()):
        color = _COLORS[number]
        points = [(x(index), y(value)) for index, value in enumerate(line) if value is not None]
        path = "L".join(f"{across:.1f} {up:.1f}" for across, up in points)
        dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
        parts.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.6"{dash}/>')
        parts += [f'<circle cx="{across:.1f}" cy="{up:.1f}" r="2.6" fill="{color}"/>' for across, up in points]
        parts.append(f'<text x="{_LEFT + 88 * number}" y="32" fill="{color}">{escape(name)}</text>')
    return parts
