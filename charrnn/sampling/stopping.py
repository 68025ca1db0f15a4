"""Where a text that is being written ends: at a string, or with the line, sentence or paragraph it is in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol, TypeVar, get_args

from charrnn.errors import UsageError

Unit = Literal["line", "sentence", "paragraph"]

_MARKS = ".!?…‽。！？｡؟।॥۔։"  # that end a sentence, in the scripts that have any
_CLOSING = "\"'”’»›)]}」』）"  # that may follow one
PATIENCE = 2000  # characters that a unit may go on for


class TextPiece(Protocol):
    """A piece of what is written; it may be empty, as the first bytes of a character are."""

    @property
    def text(self) -> str: ...


Piece = TypeVar("Piece", bound=TextPiece)


def until(written: Iterable[Piece], strings: Sequence[str]) -> Iterator[Piece]:
    """What is written, up to and including the first of the strings.

    Raises UsageError for an empty one, when called."""
    if not all(strings):
        raise UsageError("--until: an empty string is everywhere. Give it something to look for.")
    longest = max(map(len, strings), default=0)

    def pieces() -> Iterator[Piece]:
        tail = ""
        for piece in written:
            yield piece
            for character in piece.text:
                tail = (tail + character)[-longest:]
                if tail.endswith(tuple(strings)):
                    return

    return pieces() if strings else iter(written)


def finish(written: Iterable[Piece], length: int, unit: str, patience: int = PATIENCE) -> Iterator[Piece]:
    """`length` pieces, and on to the end of the unit that they end in, for `patience` further ones at most.

    A line ends with its newline; a paragraph before an empty line; a sentence with a full stop or its like and what
    closes it, before white space, or with its paragraph. Raises UsageError for an unknown unit, when called.
    """
    if unit not in get_args(Unit):
        raise UsageError(f"--finish {unit}: choose one of {', '.join(get_args(Unit))}.")

    def pieces() -> Iterator[Piece]:
        last, marked = "", False  # the last character; whether a mark was, and then only what closes
        for number, piece in enumerate(written):
            coming = piece.text[:1]
            if number >= length + patience:
                return
            if number >= length and coming:
                empty_line = last == coming == "\n"
                if {"line": last == "\n", "paragraph": empty_line}.get(
                    unit, empty_line or (marked and coming.isspace())
                ):
                    return
            yield piece
            for last in piece.text:
                marked = last in _MARKS or (marked and last in _CLOSING)

    return pieces()
