"""What a picture has beside charts: paragraphs, tables and coloured texts, each letter in its place, in pixels."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from charrnn.formatting import plural, visible_line
from charrnn.inspection.view import ColouredText, Colouring, Table
from charrnn.report.view_page import KINDS
from charrnn.terminal import text_grid

WIDTH = 864  # of what is written in
BETWEEN = 34  # below a chart, a table, a text
_LINE, _NAME = 18, 28  # from line to line; below a name
_PARAGRAPH = 118  # columns of a paragraph
_COLUMN, _GAP = 7.2, 24  # of a table's letters, about; between two of its columns
_NARROWEST = 12  # columns of letters that a cell has at least before its line ends
_ROWS = 60  # of a table, at most
_LETTER, _TEXT, _BELOW = 9, 26, 18  # of a text: the width of a column, the height of its lines, and of those below
_PLACES, _STACKED = 1_000, 400  # of a text, at most; of one with rows below


@dataclass(frozen=True, slots=True)
class Word:
    """Something written; x is its left, or where it ends."""

    x: float
    y: float
    text: str
    kind: str  # its class
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """A rectangle that something is written on."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(slots=True)
class Drawing:
    """What has been drawn so far.

    Attributes:
        bottom: Where the next thing goes.
        words: All that is written.
        grounds: What is behind it.
    """

    bottom: int
    words: list[Word] = field(default_factory=list)
    grounds: list[Ground] = field(default_factory=list)

    def paragraph(self, text: str) -> None:
        """A sentence or more, in lines."""
        for line in broken(text, _PARAGRAPH):
            self.words.append(Word(0, self.bottom - _LINE + 4, line, "words"))
            self.bottom += _LINE

    def skip(self) -> None:
        """Leave room."""
        self.bottom += _LINE // 2

    def table(self, table: Table) -> None:
        """A table: its first rows, figures at the right of their columns, long cells in lines."""
        self._name(table.name)
        shown = [[visible_line(cell) for cell in row] for row in (table.heads, *table.rows[:_ROWS])]
        columns = _column_widths(table, shown)
        for number, row in enumerate(shown):
            cells = [broken(cell, room) for cell, room in zip(row, columns, strict=True)]
            kind = "head" if number == 0 or number - 1 == table.best else "cell"
            x = 0.0
            for head, lines, room in zip(table.heads, cells, columns, strict=True):
                at_end, wide = head in table.figures, room * _COLUMN
                for at, line in enumerate(lines):
                    self.words.append(Word(round(x + wide * at_end, 1), self.bottom + at * _LINE, line, kind, at_end))
                x += wide + _GAP
            self.bottom += _LINE * max(1, *map(len, cells))
            if number == 0:
                self.grounds.append(Ground(0, self.bottom - 12, round(x - _GAP, 1), 1, "rule"))
                self.bottom += 4
        if len(table.rows) > _ROWS:
            self.bottom += _LINE
            self.paragraph(f"The first {_ROWS} of {plural(len(table.rows), 'row')} are shown.")
        self.bottom += BETWEEN - _LINE

    def text(self, text: ColouredText, colouring: Colouring | None) -> None:
        """The beginning of a text by a colouring."""
        self._name(text.name)
        count = min(len(text.characters), _STACKED if text.below else _PLACES)
        self.bottom += _LINE - 4
        if colouring:
            self.paragraph(text_grid.explained(colouring))
        if count < (total := text.total or len(text.characters)):
            self.paragraph(f"The first {count:,} of {plural(total, 'character')} are shown.")
        stacked = text_grid.stacks(text, count)
        levels = colouring.levels.tolist() if colouring else [0] * count
        for places, taken in text_grid.lines(text, stacked, WIDTH // _LETTER):
            x = 0
            for place, columns in zip(places, taken, strict=True):
                if kind := KINDS[levels[place]]:
                    self.grounds.append(Ground(x, self.bottom - 17, columns * _LETTER, 22, kind))
                for row, cell in enumerate(stacked[place]):
                    if cell.strip():
                        y = self.bottom + (_TEXT - 4 + _BELOW * (row - 1) if row else 0)
                        self.words.append(Word(x, y, cell, "below" if row else "letter"))
                x += columns * _LETTER
            below = len(stacked[places[0]]) - 1
            self.bottom += _TEXT + _BELOW * below + (_LINE // 2 if below else 0)
        self.bottom += BETWEEN - _LINE

    def _name(self, name: str) -> None:
        """What stands above a table or a text."""
        if name:
            self.words.append(Word(0, self.bottom, visible_line(name), "name"))
            self.bottom += _NAME


def broken(text: str, room: int) -> list[str]:
    """A text in lines of so many columns, at most."""
    wide = text_grid.width(text) > len(text)
    return textwrap.wrap(text, max(1, room // (2 if wide else 1))) or [""]


def _column_widths(table: Table, rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns of letters that each column of a table has: the widest that are no figures give way."""
    widths = [max(1, *map(text_grid.width, column)) for column in zip(*rows, strict=True)]
    most = int((WIDTH - _GAP * (len(widths) - 1)) / _COLUMN)
    yielding = [at for at, head in enumerate(table.heads) if head not in table.figures]
    while sum(widths) > most and yielding:
        widest = max(yielding, key=lambda at: widths[at])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] = max(_NARROWEST, widths[widest] - (sum(widths) - most))
    return widths
