"""Where the lines, ticks and labels of a chart go: geometry for SVG, as plain numbers.

Places are percent of the plot, so that a page stretches a chart to any width without stretching its letters; only the
lines are in a box that is stretched. A picture of its own has a size, and its box is just as large.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from charrnn.runs.history import Series, thinned

_MOST_TICKS = 6  # between the ends of an axis
_MARKED = 12  # points of a line that carry its mark, at most
_APART = 8.0  # percent of the height between two labels
_MARGIN = 0.04  # of the values' range, above and below


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What is drawn of one run. `number` sets its colour and its mark, which a line with a label has."""

    number: int
    points: Series
    dashed: bool = False
    dotted: bool = False
    label: str = ""  # written beside the lowest point if that is `best`, else at the end
    best: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on an axis, `at` percent from its beginning."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A point that is named: the point at (x, y), its name at the height of `text_y`, in percent."""

    x: float
    y: float
    text_y: float
    text: str
    number: int
    best: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """A line, its points and those that carry its mark in percent."""

    number: int
    dashed: bool
    dotted: bool
    points: tuple[tuple[float, float], ...]
    marks: tuple[tuple[float, float], ...]

    def path(self, width: float, height: float) -> str:
        """The line in a box of this size, as the `d` of an SVG path."""
        return "M" + "L".join(f"{x * width / 100:.4g} {y * height / 100:.4g}" for x, y in self.points)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """All of a chart but its words."""

    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lines: tuple[Curve, ...]
    labels: tuple[Label, ...]
    thresholds: tuple[Tick, ...]  # values that a line across is drawn at, percent from the top


def chart(
    lines: Sequence[Line],
    *,
    top: float | None = None,
    logarithmic: bool = False,
    thresholds: Mapping[float, str] = MappingProxyType({}),
) -> Chart | None:
    """Lay lines out over their iterations.

    Args:
        lines: What is drawn.
        top: What lies above is cut off; None: nothing.
        logarithmic: Whether values go up by powers of ten; those that are not above 0 are left out.
        thresholds: Values that a line across is drawn at, and what is written there; the axis reaches to them.

    Returns:
        The chart; None if there is no point to show.
    """
    lines = [line for line in (_drawable(line, logarithmic) for line in lines) if line.points]
    if not lines:
        return None
    crossing = {value: label for value, label in thresholds.items() if value > 0 or not logarithmic}
    values = [*(value for line in lines for _, value in line.points), *crossing]
    last_iteration = max(line.points[-1][0] for line in lines)
    scale = math.log10 if logarithmic else float
    low, high = scale(min(values)), scale(max(values) if top is None else min(top, max(values)))
    margin = _MARGIN * (high - low) or 0.5 * abs(high) or 0.5
    low, high = low - margin, high + margin

    def x(iteration: float) -> float:
        """Percent from the left."""
        return 100 * iteration / max(1, last_iteration)

    def y(value: float) -> float:
        """Percent from the top."""
        return 100 * (high - scale(value)) / (high - low)

    up = _decades(low, high) if logarithmic else ticks(low, high)
    return Chart(
        across=tuple(Tick(_short(x(at)), f"{at:,.0f}") for at in ticks(0, last_iteration) if at == int(at)),
        up=tuple(Tick(_short(y(value)), f"{value:.6g}") for value in up),
        lines=tuple(_curve(line, x, y) for line in lines),
        labels=_spaced_out([_label(line, x, y) for line in lines if line.label]),
        thresholds=tuple(Tick(_short(y(value)), label) for value, label in crossing.items()),
    )


def ticks(low: float, high: float) -> list[float]:
    """Round values for an axis.

    Args:
        low: Where it begins.
        high: Where it ends.

    Returns:
        A few values from low to high: multiples of 1, 2 or 5 times a power of ten.
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / _MOST_TICKS))
    step = next(power * times for times in (1, 2, 5, 10, 20) if (high - low) / (power * times) <= _MOST_TICKS)
    return [round(number * step, 12) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Round values between two powers of ten: 1, 2 and 5 times each power, or as many whole ones as there is room."""
    low, high = max(low, -300.0), min(high, 300.0)
    fine = [times * 10.0**power for power in range(math.floor(low), math.ceil(high)) for times in (1, 2, 5)]
    shown = [value for value in fine if low <= math.log10(value) <= high]
    if len(shown) > _MOST_TICKS:
        whole = range(math.ceil(low), math.floor(high) + 1)
        shown = [10.0**power for power in whole[:: -(-len(whole) // _MOST_TICKS)]]
    return shown


def _drawable(line: Line, logarithmic: bool) -> Line:
    """A line without the points that have no place on its axis."""
    points = tuple(point for point in line.points if point[1] > 0) if logarithmic else line.points
    return replace(line, points=points)


def _curve(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> Curve:
    """A line in its place."""
    points = tuple((_short(x(at)), _short(y(value))) for at, value in thinned(line.points))
    every = -(-len(points) // _MARKED)
    marked = (line.label or len(points) == 1) and not line.dashed and not line.dotted
    marks = tuple(point for point in points[::every] if point[1] >= 0) if marked else ()
    return Curve(number=line.number, dashed=line.dashed, dotted=line.dotted, points=points, marks=marks)


def _label(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> Label:
    """The label of a line in its place."""
    at, value = min(line.points, key=lambda point: point[1]) if line.best else line.points[-1]
    place = _short(y(value))
    return Label(x=_short(x(at)), y=place, text_y=place, text=line.label, number=line.number, best=line.best)


def _spaced_out(labels: Sequence[Label]) -> tuple[Label, ...]:
    """Labels far enough from each other to be read: upwards from the lowest, and where there is no room above, down."""
    apart = min(_APART, 100 / max(1, len(labels)))
    placed: list[Label] = []
    for label in sorted(labels, key=lambda label: -label.y):
        height = min(label.y, placed[-1].text_y - apart) if placed else label.y
        placed.append(replace(label, text_y=_short(height)))
    highest = 0.0
    for number, label in reversed(list(enumerate(placed))):
        placed[number] = replace(label, text_y=_short(max(label.text_y, highest)))
        highest = placed[number].text_y + apart
    return tuple(placed)


def _short(percent: float) -> float:
    """A place in few digits."""
    return round(percent, 2)
