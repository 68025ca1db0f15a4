"""What a stream that is written to is: a terminal or not, how wide, and whether it may have styles."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterable
from typing import IO

from charrnn.formatting import visible

Styled = tuple[str, str]  # a text, and the parameters of SGR ("1;4") that a terminal shows it with, or ""

BOLD, UNDERLINED = "1", "4"  # SGR
# All that charrnn has a terminal obey: styles, and what a progress bar is written over by.
_OWN = re.compile(r"(\x1b\[[0-9;]*m|\x1b\[[0-9]*[AK]|\A\r)")
_DIGITS = 6  # of more columns than a terminal has
USUAL_WIDTH = 80  # columns of a terminal that does not say how many it has


class SafeText(io.TextIOWrapper):
    """What a terminal reads now or later: styles and the steps of a progress bar pass, of all else it obeys nothing.

    It is the last of two guards, for what Python and other packages write. Whoever writes what others have named or
    written uses `formatting.visible`, which lets no styles pass either.
    """

    def write(self, text: str, /) -> int:
        """Write."""
        pieces = _OWN.split(text)
        pieces[::2] = map(visible, pieces[::2])
        super().write("".join(pieces))
        return len(text)


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether someone looks at what is written to a stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def is_plain(stream: IO[str] | None) -> bool:
    """Whether nothing but text may be written: no terminal, a dumb one, or NO_COLOR."""
    return not is_terminal(stream) or refuses_styles()


def refuses_styles() -> bool:
    """Whether no terminal may have escape sequences: NO_COLOR is set, or it is a dumb one."""
    return bool(os.environ.get("NO_COLOR")) or _is_dumb()


def is_moving(stream: IO[str] | None) -> bool:
    """Whether a line can be written over, as by a progress bar."""
    return is_terminal(stream) and not _is_dumb()


def width(stream: IO[str] | None) -> int | None:
    """The columns of the terminal that a stream is, or as $COLUMNS says; None for a file or pipe: it has no width."""
    if stream is None or not is_terminal(stream):
        return None
    if named := named_width():
        return named
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    return USUAL_WIDTH


def named_width() -> int | None:
    """The columns that $COLUMNS names; None where it names none, or more than a line of anything has."""
    named = os.environ.get("COLUMNS", "")
    return int(named) or None if named.isdecimal() and len(named) < _DIGITS else None


def styled(pieces: Iterable[Styled]) -> str:
    """Pieces with the escape sequences of their styles. None reaches over the end of a line, which it would colour."""
    parts, before = [], ""
    for text, wanted in pieces:
        style = "" if text == "\n" else wanted
        if text and style != before:
            parts.append(f"\x1b[0;{style}m" if style and before else f"\x1b[{style or '0'}m")
            before = style
        parts.append(text)
    return "".join(parts) + ("\x1b[0m" if before else "")


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")
