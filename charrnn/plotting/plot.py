"""What a plot shows, as plain data: lines, bands and points over two axes, with words for those who do not see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

STYLES = 6  # colours and marks that tell lines apart; beyond that their labels do

Point = tuple[float, float]  # (x, y)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What is drawn of one thing: a line through points, a band around it, or points alone.

    Attributes:
        points: (x, y), by ascending x unless they are `scattered`. Numbers that are none are left out.
        number: Its colour and its mark, from 0; beyond STYLES they come again.
        name: What it is called in the legend; a line without has no entry of its own colour there.
        words: What there is to say of it, in the legend and to those who do not see it: a sentence.
        label: A word, or a letter, that stands beside it.
        band: (x, low, high), by ascending x: shaded behind the line.
        scattered: Whether points are not joined.
        point_names: What each point is called, of scattered points: a unit, such as `1.37`.
        dashed: Whether the line is.
        dotted: Whether the line is.
        best: Whether the lowest point is ringed, and the label stands there.
    """

    points: Sequence[Point]
    number: int = 0
    name: str = ""
    words: str = ""
    label: str = ""
    band: Sequence[tuple[float, float, float]] = ()
    scattered: bool = False
    point_names: Sequence[str] = ()
    dashed: bool = False
    dotted: bool = False
    best: bool = False

    @property
    def style(self) -> int:
        """Its colour and mark, below STYLES."""
        return self.number % STYLES


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What there is to say of a line."""

    text: str
    style: int | None  # the colour and mark of the line; None: of none


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """Lines over two axes, and their words.

    Attributes:
        name: What stands above it.
        lines: What is drawn, in the order of the legend.
        across: What the axis across counts.
        up: What goes up, and its unit.
        note: How to read it: a sentence or two.
        remarks: More to be said of it, below the legend.
        log_x: Whether the axis across goes by powers of ten; what is not above 0 is left out.
        log_y: The same of the axis up.
        across_range: Where the axis across begins and ends; None: from the first point, or 0 where `log_x` is not set
            and none is below, to the last.
        up_range: Where the axis up begins and ends; None: as far as the points and thresholds reach.
        top: What lies above is cut off; None: nothing.
        thresholds: Values that a line across is drawn at, and what is written there; the axis reaches to them.
        tall: Whether it matters most.
    """

    name: str
    lines: tuple[Line, ...]
    across: str = "iteration"
    up: str = ""
    note: str = ""
    remarks: tuple[str, ...] = ()
    log_x: bool = False
    log_y: bool = False
    across_range: tuple[float, float] | None = None
    up_range: tuple[float, float] | None = None
    top: float | None = None
    thresholds: Mapping[float, str] = field(default_factory=dict)
    tall: bool = False

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """What there is to say of each line that has a name or words, and then the remarks."""
        said = [line for line in self.lines if line.name or line.words]
        entries = [
            LegendEntry(": ".join(filter(None, (line.name, line.words))), line.style if line.name else None)
            for line in said
        ]
        return (*entries, *(LegendEntry(remark, None) for remark in self.remarks))

    @property
    def description(self) -> str:
        """The plot in words, for those who do not see it."""
        return " ".join(entry.text for entry in self.legend)
