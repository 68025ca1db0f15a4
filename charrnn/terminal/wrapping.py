"""Lines broken between words, of a text that is still being written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from charrnn.formatting import hex_bytes, visible
from charrnn.terminal.output import Styled
from charrnn.text.graphemes import clusters, columns

_TAB = 8  # columns from one tab stop to the next
_UNBREAKABLE = "\u00a0\u2007\u202f"  # white space that no line ends at
_NEVER_FIRST = set("々ゝゞーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ")  # of a line; punctuation neither
_NEVER_LAST = ("Ps", "Pi")


class Wrapper:
    """Breaks lines at white space, and between ideographs; inside a word only where that is wider than a line.

    A word is held back until it is known to fit, unless it begins a line. Tabs stay tabs; white space that a line is
    broken at goes. Controls become what can be shown of them, bytes that are no characters hexadecimal.
    """

    def __init__(self, width: int, indent: int = 0) -> None:
        """`width` is that of the terminal, in columns, and may change; lines that are broken go on after `indent`."""
        self.width, self.indent = width, min(indent, width // 2)
        self._out: list[Styled] = []
        self._column = 0  # of the line that is written, not counting what is held back
        self._start = 0  # where that line begins
        self._spaces: list[Styled] = []  # held back: white space, and the word after it
        self._word: list[Styled] = []
        self._place, self._word_columns = 0, 0  # the column after white space that is held back; what the word takes
        self._begun = False  # whether the present word's beginning is written already
        self._last = ""  # the cluster before

    def feed(self, pieces: Iterable[Styled]) -> list[Styled]:
        """Take more of the text.

        Args:
            pieces: What comes next, in styles.

        Returns:
            What can be written now.
        """
        for text, style in pieces:
            for cluster in clusters(visible(hex_bytes(text))):
                self._take(cluster, style)
                self._last = cluster
        out, self._out = self._out, []
        return out

    def finish(self) -> list[Styled]:
        """The rest, when no more comes; the next text may go on in the same line."""
        self._end_word()
        self._write_spaces()
        out, self._out = self._out, []
        return out

    def _take(self, cluster: str, style: str) -> None:
        """One cluster more."""
        if cluster == "\n":
            self._end_word()
            self._write_spaces()
            self._break(0)
        elif cluster.isspace() and cluster not in _UNBREAKABLE:
            self._end_word()
            self._spaces.append((cluster, style))
            self._place = _after(self._place, cluster)
        else:
            if (self._word or self._begun) and _may_part(self._last, cluster):
                self._end_word()
            if self._begun:
                self._write_in_word(cluster, style)
                return
            self._word.append((cluster, style))
            self._word_columns += columns(cluster)
            if self._column == self._start and not self._spaces:
                self._begin_word()
            elif self._place + self._word_columns > self.width:
                self._spaces.clear()
                self._place = self._column
                if self._column > self._start:
                    self._break(self.indent)
                self._begin_word()

    def _begin_word(self) -> None:
        """Write a word's beginning where it must be: at the beginning of a line."""
        word, self._word, self._word_columns, self._begun = self._word, [], 0, True
        for part, style in word:
            self._write_in_word(part, style)

    def _write_in_word(self, cluster: str, style: str) -> None:
        """Write a cluster of a word; on the next line if that is the only way."""
        if self._column > self._start and columns(cluster) and self._column + columns(cluster) > self.width:
            self._break(self.indent)
        self._write(cluster, style)

    def _end_word(self) -> None:
        """The word is complete, and fits."""
        if self._word:
            self._write_spaces()
            for part, style in self._word:
                self._write(part, style)
        self._word, self._word_columns, self._begun = [], 0, False

    def _write_spaces(self) -> None:
        """White space, as far as it fits."""
        for space, style in self._spaces:
            if _after(self._column, space) <= self.width:
                self._write(space, style)
        self._spaces.clear()
        self._place = self._column

    def _write(self, cluster: str, style: str) -> None:
        self._out.append((cluster, style))
        self._column = self._place = _after(self._column, cluster)

    def _break(self, indent: int) -> None:
        """Begin a line."""
        self._out += [("\n", ""), (" " * indent, "")]
        self._column = self._start = self._place = indent


def wrapped(pieces: Iterable[Styled], width: int | None, indent: int = 0) -> list[Styled]:
    """A whole text with its lines broken; as it is where there is no width to keep to."""
    if width is None:
        return list(pieces)
    wrapper = Wrapper(width, indent)
    return wrapper.feed(pieces) + wrapper.finish()


def _after(column: int, cluster: str) -> int:
    """The column after a cluster that is written at one."""
    return (column // _TAB + 1) * _TAB if cluster == "\t" else column + columns(cluster)


def _may_part(before: str, after: str) -> bool:
    """Whether a line may end between two clusters that no white space parts: where one is an ideograph or the like."""
    if not (_is_ideographic(before) or _is_ideographic(after)):
        return False
    if unicodedata.category(before[-1]) in _NEVER_LAST or after[0] in _NEVER_FIRST:
        return False
    return unicodedata.category(after[0]) not in ("Pe", "Pf", "Po")


def _is_ideographic(cluster: str) -> bool:
    """Whether it is wide, and no Hangul, whose words are parted by spaces."""
    return (
        unicodedata.east_asian_width(cluster[0]) in "WF"
        and not "\u1100" <= cluster[0] <= "\u11ff"
        and not ("\uac00" <= cluster[0] <= "\ud7a3")
    )
