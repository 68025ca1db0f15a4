"""Project Gutenberg's boilerplate: what its volunteers put before and after a book.

*** START OF THE PROJECT GUTENBERG EBOOK … ***     ends the header, since about 2002
*END*THE SMALL PRINT!…*END*                        ended it before
End of the Project Gutenberg EBook of …            often stands between the book and
*** END OF THE PROJECT GUTENBERG EBOOK … ***       what begins the licence
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

HEAD = 100_000  # characters within which a text must have a START marker, to be taken for one with boilerplate
_LONGEST = 2_000  # characters of a line that are looked at together
_CREDIT_LINES = 12  # a longer paragraph is no credit
_FOOTER_LINES = 100  # that may stand between "End of the Project Gutenberg EBook" and the END marker
_BLOCK = 65_536  # characters, about, of the pieces that come out

# A line with its end, or the next part of a line too long to be looked at as a whole. Neither matches where the
# characters still to come could change the match.
_LINE = re.compile(rf"[^\r\n]{{0,{_LONGEST}}}+(?:\r\n|\n|\r(?=[^\n]))|[^\r\n]{{{_LONGEST}}}(?=[^\r\n])")
_START = re.compile(
    r"(?:\A|(?<=[\r\n]))[ \t\ufeff]*"
    r"(?:\*{3}[ \t]*START OF (?:TH(?:E|IS) )?(?:COPYRIGHTED )?PROJECT GUTENBERG|\*END\*? ?THE SMALL PRINT!)",
    re.IGNORECASE,
)
_END = re.compile(r"[ \t]*\*{3}[ \t]*END OF (?:TH(?:E|IS) )?(?:COPYRIGHTED )?PROJECT GUTENBERG", re.IGNORECASE)
_FOOTER = re.compile(r"[ \t]*\**[ \t]*END OF (?:TH(?:E|IS) )?PROJECT GUTENBERG", re.IGNORECASE)
_CREDIT = re.compile(
    r"[ \t]*(?:this )?(?:(?:e-?)?(?:text|book|file|text file) (?:was )?)?"
    r"(?:produced|prepared|transcribed|scanned) (?:by|from)\b",
    re.IGNORECASE,
)


def has_boilerplate(head: str) -> bool:
    """Whether a text that begins with `head` has a START marker; no more than HEAD characters are looked at."""
    return _START.search(head, 0, HEAD) is not None


def strip(pieces: Iterable[str]) -> Iterator[str]:
    """The book alone, the same characters however the text is cut, in bounded memory.

    Left out are the START marker and all before it, the blank lines and the credits ("Produced by …") behind it, and
    the END marker and all that follows it, with an "End of the Project Gutenberg EBook" above it. A text without a
    START marker passes unchanged.

    Args:
        pieces: A text, cut anywhere.

    Yields:
        The book, cut elsewhere.
    """
    pieces = iter(pieces)
    head = ""
    while len(head) < HEAD and (piece := next(pieces, None)) is not None:
        head += piece
    start = _START.search(head, 0, HEAD)
    if start is None:
        yield head
        yield from pieces
        return
    block, size = [], 0
    for line in _before_end(_without_credits(_after_marker(_lines(chain([head[start.start() :]], pieces))))):
        block.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield "".join(block)
            block, size = [], 0
    if block:
        yield "".join(block)


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """The text cut anew: lines with their ends, of a long line _LONGEST characters at a time, never empty."""
    unfinished = ""
    for piece in pieces:
        unfinished += piece
        at = 0
        while line := _LINE.match(unfinished, at):
            yield line[0]
            at = line.end()
        unfinished = unfinished[at:]
    if unfinished:
        yield unfinished


def _after_marker(lines: Iterator[str]) -> Iterator[str]:
    """What follows the START marker that `lines` begins with.

    A title may wrap it, with its last *** a line or two below.
    """
    marker = ""
    for marker in lines:  # each a part of its line, the last one with the line's end
        if marker[-1] in "\r\n":
            break
    if marker.rstrip().endswith("*"):
        return lines
    below = list(islice(lines, 2))
    for number, line in enumerate(below, 1):
        if line.isspace():
            break
        if line.rstrip().endswith("***"):
            return chain(below[number:], lines)
    return chain(below, lines)


def _without_credits(lines: Iterator[str]) -> Iterator[str]:
    """`lines` without leading blank ones and the paragraphs that say who made the file."""
    paragraph: list[str] = []
    for line in lines:
        if line.isspace():
            paragraph = []  # the credit before it is complete
            continue
        paragraph.append(line)
        if not _CREDIT.match(paragraph[0]) or len(paragraph) > _CREDIT_LINES:
            return chain(paragraph, lines)
    return iter(())


def _before_end(lines: Iterable[str]) -> Iterator[str]:
    """`lines` up to the END marker, or to the footer if nothing follows that."""
    footer: list[str] = []  # unless the book goes on below it
    begins = True  # whether this is a line's first part
    for line in lines:
        if begins and _END.match(line):
            return
        if footer and not _may_follow(footer, line):
            yield from footer
            footer = []
        if footer or (begins and _FOOTER.match(line)):
            footer.append(line)
        else:
            yield line
        begins = line[-1] in "\r\n"


def _may_follow(footer: list[str], line: str) -> bool:
    """A footer has up to three lines and then blank ones."""
    wrapped = len(footer) < 3 and not footer[-1].isspace()
    return len(footer) < _FOOTER_LINES and (line.isspace() or wrapped)
