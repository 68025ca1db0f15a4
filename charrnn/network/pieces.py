"""The pieces in which a bidirectional network reads a long text: they overlap, so that none is judged at its edge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

LENGTH, MARGIN = 192, 32  # characters of a piece, and those of them at each end that are only read for the others' sake


class Piece(NamedTuple):
    """Some characters, [begin, end), of which [first, last) are judged."""

    begin: int
    end: int
    first: int
    last: int


def pieces(begin: int, end: int, first: int | None = None) -> Iterator[Piece]:
    """Cut a text into pieces, all as long as the text is or `LENGTH`.

    Args:
        begin: Where there is text to read.
        end: Where it ends.
        first: From where on it is to be judged; None: from the beginning.

    Yields:
        The pieces in order. What they judge lies side by side, and `MARGIN` from their ends but at those of the text.

    >>> [tuple(piece) for piece in pieces(0, 300)]
    [(0, 192, 0, 160), (108, 300, 160, 300)]
    """
    at = begin if first is None else first
    while at < end:
        start = max(begin, min(at - MARGIN, end - LENGTH))
        stop = min(end, start + LENGTH)
        last = end if stop == end else stop - MARGIN
        yield Piece(start, stop, at, last)
        at = last
