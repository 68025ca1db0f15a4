"""What a page shows as a picture for a paper or a slide, as SVG or PNG: charts one under another, tables, texts.

The picture needs nothing else. The same report, or view, gives the same SVG, byte for byte.
"""

from __future__ import annotations

import re
import struct
import textwrap
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from markupsafe import Markup

from charrnn.errors import UsageError
from charrnn.formatting import visible_line
from charrnn.inspection.view import View
from charrnn.plotting.chart import Chart, chart
from charrnn.plotting.plot import LegendEntry
from charrnn.report import html, view_page
from charrnn.report.charts import charts
from charrnn.report.collect import MADE_BY, Report
from charrnn.report.picture_words import BETWEEN, Drawing

# In pixels. Below a plot are its ticks and the name of the axis; the labels of its ticks are on the left.
_WIDTH, _LEFT, _RIGHT = 960, 72, 24
_TITLE, _HEAD, _AXIS, _LINE, _BETWEEN = 76, 36, 46, 18, BETWEEN
_TALL, _LOW = 320, 150
_LEGEND = 118  # characters of a line of the legend; half as many where some are twice as wide
_ZOOM = 2  # pixels of a PNG for each of the picture's
_SIGNATURE_AND_HEADER = 33  # bytes at the beginning of a PNG, after which other chunks may come


@dataclass(frozen=True, slots=True)
class _LegendLine:
    """A line of text below a chart, `y` pixels from the panel's top."""

    text: str
    style: int | None
    y: int


@dataclass(frozen=True, slots=True)
class _Panel:
    """A chart in its place."""

    chart: Chart
    top: int
    height: int  # of the plot
    legend: tuple[_LegendLine, ...]

    @property
    def indented(self) -> bool:
        """Whether its legend has colours and marks."""
        return any(line.style is not None for line in self.legend)

    @property
    def bottom(self) -> int:
        """Where its last line of text is."""
        return self.top + _HEAD + self.height + _AXIS + _LINE * len(self.legend)


def svg(report: Report) -> str:
    """The charts of a report's runs.

    Args:
        report: What the page tells.

    Returns:
        An SVG document. If nothing was measured, it has a title alone.
    """
    drawing = Drawing(_TITLE)
    panels = _panels(charts(report.runs), drawing)
    return _document(report.title, MADE_BY, drawing, panels)


def of_view(view: View) -> str:
    """All that an analysis shows: its plots, then its tables and the beginnings of its texts.

    Args:
        view: What it shows.

    Returns:
        An SVG document.
    """
    drawing = Drawing(_TITLE)
    for remark in view.remarks:
        drawing.paragraph(visible_line(remark))
    drawing.skip()
    panels = _panels([drawn for plot in view.plots if (drawn := chart(plot))], drawing)
    for table in view.tables:
        drawing.table(table)
    for text in view.texts:
        for colouring in text.shown_by:
            drawing.text(text, colouring)
    return _document(visible_line(view.title), view_page.MADE_BY, drawing, panels)


def _panels(charts: Sequence[Chart], drawing: Drawing) -> list[_Panel]:
    """Charts, one under another, below what is drawn already."""
    panels: list[_Panel] = []
    for drawn in charts:
        panels.append(_panel(drawn, drawing.bottom))
        drawing.bottom = panels[-1].bottom + _BETWEEN
    return panels


def _document(title: str, made_by: str, drawing: Drawing, panels: Sequence[_Panel]) -> str:
    """The document of a picture."""
    text = (
        html.environment()
        .get_template("picture.svg")
        .render(
            made_by=made_by,
            title=title,
            style=Markup(_style()),
            panels=panels,
            grounds=drawing.grounds,
            words=drawing.words,
            width=_WIDTH,
            height=drawing.bottom - _BETWEEN + _LINE if panels or drawing.words else _TITLE,
            plot=_WIDTH - _LEFT - _RIGHT,
            left=_LEFT,
            head=_HEAD,
        )
    )
    return text.lstrip().translate({0xFFFE: "\ufffd", 0xFFFF: "\ufffd"})  # which XML does not have


def _panel(chart: Chart, top: int) -> _Panel:
    """A chart in its place, its legend in lines."""
    height = _TALL if chart.plot.tall else _LOW
    lines: list[_LegendLine] = []
    for entry in chart.plot.legend:
        lines += _wrapped(entry, _HEAD + height + _AXIS + _LINE * len(lines))
    return _Panel(chart, top, height, tuple(lines))


def _wrapped(entry: LegendEntry, y: int) -> list[_LegendLine]:
    """An entry of a legend in lines that fit, of which the first has the line's colour and mark."""
    wide = any(unicodedata.east_asian_width(character) in "WF" for character in entry.text)
    pieces = textwrap.wrap(entry.text, _LEGEND // (2 if wide else 1))
    return [
        _LegendLine(piece, None if number else entry.style, y + _LINE * number) for number, piece in enumerate(pieces)
    ]


def _style() -> str:
    """The page's style of charts, its daylight colours written out: viewers of pictures know no variables."""
    daylight = html.asset("common.css").partition("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", daylight))
    style = html.asset("chart.css") + html.asset("picture.css")
    return re.sub(r"var\(--([\w-]+)\)", lambda use: colours[use[1]], style)


def renderer() -> Any:
    """The library that makes pixels of SVG. Raises UsageError if it is not installed."""
    try:
        return import_module("resvg_py")
    except ImportError:
        raise UsageError("--png needs resvg-py.", "Install it: pip install 'charrnn[plot]'") from None


def png(picture: str) -> bytes:
    """A picture in pixels.

    Args:
        picture: What `svg` made.

    Returns:
        A PNG file.

    Raises:
        UsageError: The library is not installed, or there is no font to write with.
    """
    draw = renderer().svg_to_bytes
    letter, blank = (
        draw(
            svg_string=f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><style>{_style()}</style>'
            f'<text y="15">{text}</text></svg>'
        )
        for text in ("x", "")
    )
    if letter == blank:
        raise UsageError("--png: no font was found to write with.", "Install one, such as DejaVu Sans, or use --svg.")
    made_by = re.search(r"<!-- (.*?) -->", picture)
    return _signed(draw(svg_string=picture, zoom=_ZOOM), made_by[1] if made_by else MADE_BY)


def _signed(data: bytes, made_by: str) -> bytes:
    """A PNG file that says what made it."""
    chunk = b"tEXtSoftware\0" + made_by.encode()
    length, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return data[:_SIGNATURE_AND_HEADER] + length + chunk + check + data[_SIGNATURE_AND_HEADER:]
