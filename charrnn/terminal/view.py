"""What an analysis shows, on a terminal: in its width, with colours or without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console

from charrnn.formatting import plural, visible_line
from charrnn.inspection.view import LEVELS, ColouredText, Colouring, Table, View
from charrnn.plotting.chart import chart
from charrnn.terminal import output, text_grid
from charrnn.terminal.console import open_table, plain, show_table
from charrnn.terminal.output import Styled
from charrnn.terminal.plots import plot_lines

_PLACES = 800  # of a text, at most: more is for a page
_USUAL = output.USUAL_WIDTH
# Black on a ground (of 256 colours), by level: from blue over none to red.
_STYLES = (
    "30;48;5;69",
    "30;48;5;111",
    "30;48;5;153",
    "30;48;5;195",
    "",
    *(f"30;48;5;{n}" for n in (230, 222, 215, 203)),
)
_BLOCKS, _DIGITS = "▁▂▃▄▅▆▇█", "0123456789"


def show_view(out: Console, view: View) -> None:
    """Show a view: title and remarks, plots, tables, and the coloured texts."""
    width = out.width if out.is_terminal else _USUAL
    out.print(plain(visible_line(view.title), "bold"))
    for remark in view.remarks:
        out.print(plain(visible_line(remark)))
    for plot in view.plots:
        if drawn := chart(plot):
            out.print()
            _put(out, plot_lines(drawn, width, ascii_only=not _can_encode(out, "⣿┤")))
    for table in view.tables:
        out.print()
        _show_table(out, table)
    for text in view.texts:
        for colouring in text.shown_by:
            out.print()
            _show_text(out, text, colouring, width)


def _show_table(out: Console, table: Table) -> None:
    """A table under its name."""
    if table.name:
        out.print(plain(visible_line(table.name), "bold"))
    shown = open_table(*table.heads, right=table.figures)
    for number, row in enumerate(table.rows):
        shown.add_row(*(plain(visible_line(cell)) for cell in row), style="bold green" if number == table.best else "")
    show_table(out, shown)


def _show_text(out: Console, text: ColouredText, colouring: Colouring | None, width: int) -> None:
    """A text by a colouring: in colour where there is any, else with blocks below it."""
    if text.name:
        out.print(plain(visible_line(text.name), "bold"))
    count = min(len(text.characters), _PLACES)
    styled = out.color_system is not None
    blocks = _BLOCKS if _can_encode(out, _BLOCKS) else _DIGITS
    if colouring:
        out.print(plain(text_grid.explained(colouring, "" if styled else blocks)))
    if text.below and text.heads:
        coloured = " and coloured alike" if styled and text.shares is not None else ""
        heads = f"{visible_line(text.heads[0]).lower()}, the likeliest first{coloured}"
        out.print(plain(f"Below each character: {heads}."))
    if count < (total := text.total or len(text.characters)):
        out.print(plain(f"The first {count:,} of {plural(total, 'character')} are shown; --html shows more."))
    out.print()
    stacked = text_grid.stacks(text, count)
    levels = colouring.levels if colouring else np.zeros(count, dtype=np.int8)
    marks = _marks(colouring, blocks, count) if colouring and not styled else []
    for places, taken in text_grid.lines(text, stacked, width):
        rows = [[(stacked[place][0], _STYLES[levels[place] + LEVELS]) for place in places]]
        rows += [[(marks[place], "") for place in places]] if marks else []
        below = range(1, len(stacked[places[0]]))
        rows += [[(stacked[place][row], _style_below(text, place, row - 1)) for place in places] for row in below]
        _put(out, [_padded(row, taken) for row in rows])
        if len(rows) > 1:
            _put(out, [[]])


def _style_below(text: ColouredText, place: int, row: int) -> str:
    """The style of what stands below a place, in a row."""
    if text.shares is None or row >= text.shares.shape[1]:
        return ""
    return _STYLES[LEVELS + min(LEVELS, int(text.shares[place, row] * (LEVELS + 1)))]


def _padded(row: Sequence[Styled], taken: Sequence[int]) -> list[Styled]:
    """Cells, each as wide as its place."""
    return [
        (f"{cell}{' ' * (room - text_grid.width(cell))}", style) for (cell, style), room in zip(row, taken, strict=True)
    ]


def _marks(colouring: Colouring, blocks: str, count: int) -> list[str]:
    """A block for each place, as high as its value."""
    share = np.clip(
        (colouring.values[:count].astype(np.float64) - colouring.low) / (colouring.high - colouring.low), 0, 1
    )
    return [" " if np.isnan(value) else blocks[min(len(blocks) - 1, int(value * len(blocks)))] for value in share]


def _put(out: Console, lines: Sequence[Sequence[Styled]]) -> None:
    """Lines of pieces as they are: broken already, and safe."""
    for line in lines:
        shown = output.styled(line) if out.color_system else "".join(text for text, _ in line).rstrip()
        out.file.write(f"{shown}\n")


def _can_encode(out: Console, characters: str) -> bool:
    """Whether a stream can be written these."""
    try:
        characters.encode(getattr(out.file, "encoding", None) or "utf-8")
    except UnicodeError:
        return False
    return True
