"""Plots on a terminal: lines in braille dots, told apart by letters, so that no colour is needed.

Each line is drawn by plotille on a canvas of its own, and the canvases are laid over each other here: a cell has one
colour, and letters and words of a plot stand above all lines.
"""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Sequence

from plotille import Canvas

from charrnn.formatting import visible_line
from charrnn.plotting.chart import Chart, Curve, Tick
from charrnn.plotting.plot import Point
from charrnn.terminal import text_grid
from charrnn.terminal.output import BOLD, Styled
from charrnn.terminal.wrapping import wrapped
from charrnn.text.graphemes import clusters, columns

_TALL, _LOW = 16, 10  # lines of a plot
_LEAST = 8  # columns of a plot, at least
_COLOURS = ("34", "31", "32", "35", "33", "36")  # SGR, of each style of a line
_BLANK = 0x2800  # the braille character without a dot; the next 255 have a bit for each
_UPPER, _LOWER = 0b00011011, 0b11100100  # the bits of dots in the upper and in the lower half
_LETTERED = 3  # letters on a line, at most
_PLAIN = str.maketrans("│┤└─┬", "||+-+")  # where there are no such characters

Cells = list[list[Styled]]  # of a plot: each a character and its style


def plot_lines(chart: Chart, width: int, *, ascii_only: bool = False) -> list[list[Styled]]:
    """A plot with its words, in lines.

    Args:
        chart: What is drawn.
        width: Columns there are.
        ascii_only: Whether the terminal has no braille: dots become `'`, `.` and `:`.

    Returns:
        Lines of pieces in styles, none of which is wider, nor ends with white space that is left bare.
    """
    gutter = max(columns(tick.label) for tick in chart.up) + 1 if chart.up else 1
    across = max(_LEAST, width - gutter - 1)
    height = _TALL if chart.plot.tall else _LOW
    letters = _letters(chart)
    cells = _drawn(chart, across, height, letters)
    up = visible_line(chart.plot.up)
    lines = _words([(visible_line(chart.plot.name), BOLD), (f"  {up}" if up else "", "")], width)
    lines += _words([(visible_line(chart.plot.note), "")], width) if chart.plot.note else []
    ticks = {_row(tick.at, height): tick.label for tick in chart.up}
    for number, row in enumerate(cells):
        label = ticks.get(number, "")
        lines.append([(f"{label:>{gutter - 1}} {'┤' if label else '│'}", ""), *_merged(row)])
    lines += _axis(chart.across, chart.plot.across, gutter, across)
    for entry_letter, text in _legend(chart, letters):
        lines += _words([(f"{entry_letter} " if entry_letter else "", BOLD), (visible_line(text), "")], width, 2)
    return [_without_braille(line) for line in lines] if ascii_only else lines


def _letters(chart: Chart) -> dict[int, str]:
    """The letter of each line by its place among the plot's; none where there is but one to tell."""
    named = [place for place, line in enumerate(chart.plot.lines) if line.name]
    if len(named) < 2:
        return {}
    return dict(zip(named, string.ascii_uppercase + string.ascii_lowercase, strict=False))


def _legend(chart: Chart, letters: dict[int, str]) -> list[tuple[str, str]]:
    """The letter and the words of each entry of the legend."""
    said = [place for place, line in enumerate(chart.plot.lines) if line.name or line.words]
    entries = chart.plot.legend
    return [
        (letters.get(said[number], "") if number < len(said) else "", entry.text)
        for number, entry in enumerate(entries)
    ]


def _drawn(chart: Chart, across: int, height: int, letters: dict[int, str]) -> Cells:
    """The cells of a plot: bands, then lines, then words, each over what was before."""
    cells: Cells = [[(" ", "")] * across for _ in range(height)]
    for curve in chart.lines:
        _lay(cells, _band(curve, across, height), "2")
    for threshold in chart.thresholds:
        dotted = [(float(x), threshold.at) for x in range(0, 101, 2)]
        _lay(cells, _points(dotted, across, height), "2")
    for curve in chart.lines:
        dots = _points(curve.marks, across, height) if not curve.points else _line(curve.points, across, height)
        _lay(cells, dots, _COLOURS[curve.number])
    for threshold in chart.thresholds:
        text = f" {visible_line(threshold.label)}"[:across]
        _write(cells, across - text_grid.width(text), _row(threshold.at, height), text, "")
    for curve in chart.lines:
        if letter := letters.get(curve.line, ""):
            for x, y in _lettered(curve):
                _write(cells, _column(x, across), _row(y, height), letter, _COLOURS[curve.number])
    return cells


def _lettered(curve: Curve) -> Sequence[Point]:
    """Where a line's letter stands: on all points that are not joined, and on a few of a line."""
    inside = [point for point in curve.points if 0 <= point[0] <= 100 and 0 <= point[1] <= 100]
    if not curve.points:
        return [point for point in curve.marks if 0 <= point[0] <= 100 and 0 <= point[1] <= 100]
    if not inside:
        return []
    shift = (curve.line % 4) / 16  # lines that lie on each other have theirs beside each other
    at = [share + shift for share in (0.12, 0.42, 0.72)][:_LETTERED]
    wanted = [inside[0][0] + share * (inside[-1][0] - inside[0][0]) for share in at]
    return [min(inside, key=lambda point: abs(point[0] - x)) for x in wanted]


def _line(points: Sequence[Point], across: int, height: int) -> list[str]:
    """A line's dots, in braille."""
    canvas = _canvas(across, height)
    if len(points) == 1:
        canvas.point(points[0][0], 100 - points[0][1])
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        canvas.line(x0, 100 - y0, x1, 100 - y1)
    return str(canvas.plot()).split("\n")


def _points(points: Sequence[Point], across: int, height: int) -> list[str]:
    """Single dots, in braille."""
    canvas = _canvas(across, height)
    for x, y in points:
        canvas.point(x, 100 - y)
    return str(canvas.plot()).split("\n")


def _band(curve: Curve, across: int, height: int) -> list[str]:
    """A band as few dots, far enough apart that lines stand out from it, in braille."""
    canvas = _canvas(across, height)
    half = len(curve.edge) // 2
    upper, lower = curve.edge[:half], curve.edge[half:][::-1]
    step = 100 / height  # a character
    taken = -1
    for (x, high), (_, low) in zip(upper, lower, strict=True):
        column = _column(x, across)
        if column == taken or column % 2:
            continue
        taken = column
        first, last = math.ceil(max(0.0, 100 - low) / step), math.floor(min(100.0, 100 - high) / step)
        for row in range(first, last + 1):
            canvas.point(x, row * step)
    return str(canvas.plot()).split("\n")


def _canvas(across: int, height: int) -> Canvas:
    """A canvas of 0 to 100 either way, both ends within it."""
    ends = {"xmax": 100 * 2 * across / (2 * across - 1), "ymax": 100 * 4 * height / (4 * height - 1)}
    return Canvas(across, height, xmin=0, ymin=0, **ends)


def _lay(cells: Cells, dots: Sequence[str], style: str) -> None:
    """Lay dots over what is drawn already: all of them stay, and their cells take this style."""
    for row, line in zip(cells, dots, strict=True):
        for place, dot in enumerate(line):
            bits = ord(dot) - _BLANK
            if bits > 0:
                before = ord(row[place][0]) - _BLANK
                row[place] = (chr(_BLANK + (bits | max(before, 0))), style)


def _write(cells: Cells, column: int, row: int, text: str, style: str) -> None:
    """Write a text over what is drawn, as far as it has room."""
    if not 0 <= row < len(cells):
        return
    for cluster in clusters(text):
        wide = columns(cluster)
        if column >= 0 and column + wide <= len(cells[row]) and wide:
            cells[row][column : column + wide] = [(cluster, style), *[("", style)] * (wide - 1)]
        column += wide


def _axis(ticks: Sequence[Tick], name: str, gutter: int, across: int) -> list[list[Styled]]:
    """The axis across: a line with its ticks, their labels as far as they have room, and what it counts."""
    rule, labels, end = ["─"] * across, [" "] * (across + gutter + 1), 0
    for tick in ticks:
        column = _column(tick.at, across)
        if not 0 <= column < across:
            continue
        rule[column] = "┬"
        start = min(max(0, gutter + 1 + column - len(tick.label) // 2), len(labels) - len(tick.label))
        if start >= end:
            labels[start : start + len(tick.label)] = tick.label
            end = start + len(tick.label) + 1
    lines: list[list[Styled]] = [[(f"{' ' * gutter}└{''.join(rule)}", "")], [("".join(labels).rstrip(), "")]]
    room = gutter + 1 + across
    for line in _words([(visible_line(name), "")], room) if name else []:
        free = room - sum(text_grid.width(text) for text, _ in line)
        lines.append([(" " * max(0, free), ""), *line])
    return lines


def _merged(row: Sequence[Styled]) -> list[Styled]:
    """The cells of a row, neighbours of one style as one; without the empty ones at its end."""
    pieces: list[Styled] = []
    filled = max((place for place, (text, _) in enumerate(row) if text.strip()), default=-1) + 1
    for text, style in row[:filled]:
        if pieces and pieces[-1][1] == style:
            pieces[-1] = (pieces[-1][0] + text, style)
        else:
            pieces.append((text, style))
    return pieces


def _words(pieces: Sequence[Styled], width: int, indent: int = 0) -> list[list[Styled]]:
    """Words in lines that fit."""
    lines: list[list[Styled]] = [[]]
    for text, style in wrapped(pieces, width, indent):
        if text == "\n":
            lines.append([])
        elif text:
            lines[-1].append((text, style))
    return lines


def _without_braille(line: Sequence[Styled]) -> list[Styled]:
    """A line in characters that every terminal has."""
    return [("".join(map(_plain, text)).translate(_PLAIN), style) for text, style in line]


def _plain(character: str) -> str:
    """What stands for a braille character where there is none."""
    bits = ord(character) - _BLANK
    if not 0 <= bits < 256:
        return character
    return ":" if bits & _UPPER and bits & _LOWER else "'" if bits & _UPPER else "." if bits else " "


def _column(percent: float, across: int) -> int:
    """The cell at so many percent from the left."""
    return min(across - 1, int(percent * across / 100)) if percent <= 100 else across


def _row(percent: float, height: int) -> int:
    """The cell at so many percent from the top."""
    return min(height - 1, int(percent * height / 100)) if percent <= 100 else height
