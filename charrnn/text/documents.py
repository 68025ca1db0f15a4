"""Many documents in one file: found by what separates them, as the file is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from charrnn.config import ReadConfig
from charrnn.text.charsets import Piece, Points, normalize_separator
from charrnn.text.vocabulary import to_code_points

BOUNDARY = 0x110000  # of a document, among code points: the first number that is none
LINE = "\n"  # the separator of documents that are lines

_MARK = "\ud800"  # of a boundary among characters: no decoder makes one of a file's bytes
_ENDS = re.compile(f"\n*{_MARK}[\n{_MARK}]*")


def boundary_text(config: ReadConfig) -> str:
    """What stands between two documents where people read them one after the other."""
    return "\n" if config.document_separator == LINE else "\n\n"


def split_documents(pieces: Iterable[Piece], config: ReadConfig) -> Iterator[Points]:
    """The documents of a file, without the line ends around each; empty ones are left out.

    Args:
        pieces: The file's characters, or bytes.
        config: Has the separator; it is looked for in characters as they are read: normalized, in lower case.

    Yields:
        Code points, a BOUNDARY between two documents, piece by piece.
    """
    separator = config.document_separator or ""
    if config.bytes:  # each as the character of its number
        separator = separator.encode("utf-8", "surrogateescape").decode("latin-1")
    else:
        separator = normalize_separator(separator, config)
    ends = re.compile(f"[\r\n]*{_MARK}[\r\n{_MARK}]*") if config.bytes or config.keep_newlines else _ENDS
    held, begun = "", False
    for piece in _marked(pieces, separator, of_bytes=config.bytes):
        waiting = held + piece
        cut = len(waiting.rstrip(f"\r\n{_MARK}"))
        held, complete = waiting[cut:], ends.sub(_MARK, waiting[:cut])
        if not begun:
            complete = complete.lstrip(f"\r\n{_MARK}")
        if complete:
            begun = True
            points = to_code_points(complete)
            yield np.where(points == ord(_MARK), np.uint32(BOUNDARY), points)


def _marked(pieces: Iterable[Piece], separator: str, *, of_bytes: bool) -> Iterator[str]:
    """Pieces as strings, with the mark in the place of each separator, the first of any that overlap."""
    kept = len(separator) - 1  # characters at the end of a piece that may be the beginning of one
    waiting = ""
    for piece in pieces:
        text = piece.decode("latin-1" if of_bytes else "ascii") if isinstance(piece, bytes) else piece
        *complete, last = (waiting + text).split(separator)
        cut = max(0, len(last) - kept)
        waiting = last[cut:]
        yield _MARK.join([*complete, last[:cut]])
    yield waiting
