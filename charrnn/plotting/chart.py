"""Where the lines, ticks and labels of a plot go: plain numbers, for SVG and for a terminal alike.

Places are percent of the plot, so that a page stretches a chart to any width without stretching its letters; only the
lines are in a box that is stretched. A picture of its own has a size, and its box is just as large.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from charrnn.plotting.plot import Line, Plot, Point

_MOST_TICKS = 6  # between the ends of an axis
_MARKED = 12  # points of a line that carry its mark, at most
_LABEL = 24  # characters of a label, at most
_APART = 8.0  # percent of the height between two labels
_MARGIN = 0.04  # of the values' range, above and below
_POINTS = 400  # of a line, at most
_SCATTERED = 2_000  # points that are not joined, at most: more are no more to be seen
_FAR = 1_000.0  # percent beyond a plot's edge that anything is placed at, at most


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
    """A line, its points, those that carry its mark, and the edge of its band in percent."""

    line: int  # which of the plot's lines it is
    number: int  # its colour and mark
    dashed: bool
    dotted: bool
    points: tuple[Point, ...]  # () of scattered ones: each is a mark
    marks: tuple[Point, ...]
    names: tuple[str, ...] = ()  # of each mark, or of none
    edge: tuple[Point, ...] = ()  # around the band: its upper side, and back along its lower side

    def path(self, width: float, height: float) -> str:
        """The line in a box of this size, as the `d` of an SVG path."""
        return _path(self.points, width, height)

    def band(self, width: float, height: float) -> str:
        """The band in a box of this size, as the `d` of an SVG path."""
        return _path(self.edge, width, height) + "Z"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A plot, everything of it in its place."""

    plot: Plot
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lines: tuple[Curve, ...]
    labels: tuple[Label, ...]
    thresholds: tuple[Tick, ...]  # values that a line across is drawn at, percent from the top


def chart(plot: Plot) -> Chart | None:
    """Lay a plot out.

    Args:
        plot: What is drawn.

    Returns:
        The chart; None if there is no point to show.
    """
    drawn = {number: line for number, line in enumerate(_drawable(line, plot) for line in plot.lines) if line.points}
    lines = list(drawn.values())
    if not lines:
        return None
    crossing = {value: label for value, label in plot.thresholds.items() if value > 0 or not plot.log_y}
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for y in (*(y for _, y in line.points), *(end for _, *ends in line.band for end in ends))]
    x = _axis(*_across(xs, plot), logarithmic=plot.log_x)
    y = _axis(*_up([*ys, *crossing], plot), logarithmic=plot.log_y)
    whole = all(value == int(value) for value in xs)

    def place(point: Point) -> Point:
        """Percent from the left and from the top."""
        return _short(x.at(point[0])), _short(100 - y.at(point[1]))

    return Chart(
        plot=plot,
        across=tuple(
            Tick(_short(x.at(value)), f"{value:,.0f}" if whole else f"{value:.6g}")
            for value in x.ticks()
            if not whole or value == int(value)
        ),
        up=tuple(Tick(_short(100 - y.at(value)), f"{value:.6g}") for value in y.ticks()),
        lines=tuple(_curve(number, line, place) for number, line in drawn.items()),
        labels=_spaced_out([_label(line, place) for line in lines if line.label]),
        thresholds=tuple(Tick(_short(100 - y.at(value)), label) for value, label in crossing.items()),
    )


def thinned(series: Sequence[Point], most: int = _POINTS) -> Sequence[Point]:
    """Few points of a series that look the same as all: of each stretch the lowest and the highest, and both ends.

    Args:
        series: (x, y) by ascending x.
        most: So many points, at most. No spike is lost.

    Returns:
        Some of the points, in order.
    """
    if len(series) <= most:
        return series
    count = max(1, (most - 2) // 2)
    edges = [1 + math.ceil(number * (len(series) - 2) / count) for number in range(count + 1)]
    places = {0, len(series) - 1}
    for start, stop in itertools.pairwise(edges):
        stretch = range(start, stop)
        if stretch:
            places |= {extreme(stretch, key=lambda place: series[place][1]) for extreme in (min, max)}
    return tuple(series[place] for place in sorted(places))


@dataclass(frozen=True, slots=True)
class _Axis:
    """From `low` to `high`, of an axis by powers of ten their logarithms."""

    low: float
    high: float
    logarithmic: bool

    def at(self, value: float) -> float:
        """Percent of the way from low to high."""
        scaled = math.log10(value) if self.logarithmic else value
        return 100 * (scaled - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values between the ends."""
        return _decades(self.low, self.high) if self.logarithmic else ticks(self.low, self.high)


def _axis(low: float, high: float, *, logarithmic: bool) -> _Axis:
    """The axis between two values that may be one."""
    if logarithmic:
        low, high = math.log10(low), math.log10(high)
    return _Axis(low, high if high > low else low + 1, logarithmic)


def _across(xs: Sequence[float], plot: Plot) -> tuple[float, float]:
    """Where the axis across begins and ends."""
    if plot.across_range:
        return plot.across_range
    return min(xs) if plot.log_x else min(0.0, *xs, 0.0), max(xs)


def _up(ys: Sequence[float], plot: Plot) -> tuple[float, float]:
    """Where the axis up begins and ends: a little beyond the values."""
    if plot.up_range:
        return plot.up_range
    low, high = min(ys), max(ys) if plot.top is None else min(plot.top, max(ys))
    if plot.log_y:
        low, high = math.log10(low), math.log10(high)
    margin = _MARGIN * (high - low) or 0.5 * abs(high) or 0.5
    low, high = low - margin, high + margin
    return (10.0 ** max(low, -307.0), 10.0 ** min(high, 307.0)) if plot.log_y else (low, high)


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
    fine = [times * 10.0**power for power in range(math.floor(low), math.floor(high) + 1) for times in (1, 2, 5)]
    shown = [value for value in fine if low <= math.log10(value) <= high]
    if len(shown) > _MOST_TICKS:
        whole = range(math.ceil(low), math.floor(high) + 1)
        shown = [10.0**power for power in whole[:: -(-len(whole) // _MOST_TICKS)]]
    return shown


def _drawable(line: Line, plot: Plot) -> Line:
    """A line without the points that have no place on its axes."""

    def has_place(x: float, *ys: float) -> bool:
        return all(map(math.isfinite, (x, *ys))) and (x > 0 or not plot.log_x) and (min(ys) > 0 or not plot.log_y)

    kept = [at for at, point in enumerate(line.points) if has_place(*point)]
    return replace(
        line,
        points=tuple(line.points[at] for at in kept),
        point_names=tuple(line.point_names[at] for at in kept) if line.point_names else (),
        band=tuple(part for part in line.band if has_place(*part)),
    )


def _curve(number: int, line: Line, place: Callable[[Point], Point]) -> Curve:
    """A line, its number among those of its plot, in its place."""
    points: tuple[Point, ...] = ()
    names: tuple[str, ...] = ()
    if line.scattered:
        every = -(-len(line.points) // _SCATTERED)
        names = tuple(line.point_names[::every])
        marks = tuple(map(place, line.points[::every]))
    else:
        points = tuple(map(place, thinned(line.points)))
        every = -(-len(points) // _MARKED)
        marked = (line.label or line.name or len(points) == 1) and not line.dashed and not line.dotted
        marks = tuple(point for point in points[::every] if 0 <= point[1] <= 100) if marked else ()
    band = line.band[:: -(-len(line.band) // _POINTS) or 1]
    edge = [(x, high) for x, _, high in band] + [(x, low) for x, low, _ in reversed(band)]
    return Curve(
        line=number,
        number=line.style,
        dashed=line.dashed,
        dotted=line.dotted,
        points=points,
        marks=marks,
        names=names,
        edge=tuple(map(place, edge)),
    )


def _label(line: Line, place: Callable[[Point], Point]) -> Label:
    """The label of a line in its place."""
    x, y = place(min(line.points, key=lambda point: point[1]) if line.best else line.points[-1])
    text = line.label if len(line.label) <= _LABEL else f"{line.label[: _LABEL - 1]}…"
    return Label(x=x, y=y, text_y=y, text=text, number=line.style, best=line.best)


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


def _path(points: Sequence[Point], width: float, height: float) -> str:
    """Points in a box of this size, as the `d` of an SVG path."""
    return "M" + "L".join(f"{x * width / 100:.4g} {y * height / 100:.4g}" for x, y in points)


def _short(percent: float) -> float:
    """A place in few digits, and not too far away for whoever draws."""
    return round(min(max(percent, -_FAR), 100 + _FAR), 2)
