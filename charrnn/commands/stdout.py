"""Standard output for what a model writes: exact UTF-8 to files and pipes, and to a terminal nothing it would obey."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator

from charrnn.errors import CharrnnError
from charrnn.files import discard_stdout
from charrnn.formatting import SHADES, shade_level, visible

_FLUSH_EVERY = 0.02  # seconds: smooth to look at, and few enough writes to cost nothing

Styled = tuple[str, str]  # a text, and the parameters of SGR ("1;4") that a terminal shows it with, or ""

# Black on so dark a ground (of 256 colours), by the shade level of a character's surprise.
_STYLES = ("", "30;48;5;230", "30;48;5;222", "30;48;5;215", "30;48;5;203")


def shade(bits: float) -> str:
    """The style of a character that surprised a model by so many bits."""
    return _STYLES[shade_level(bits)]


def tell_shades() -> None:
    """Say on standard error what the shades mean."""
    shades = ", ".join(f"{least:g}" for least in SHADES)
    print(f"charrnn: shaded by surprise, from {shades} bits on", file=sys.stderr)


class Output:
    """Standard output, in style where that is a terminal which may have colours."""

    def __init__(self, of_bytes: bool = False) -> None:
        """Look at what standard output is. `of_bytes`: lone surrogates stand for bytes and leave as such."""
        self.terminal = sys.stdout.isatty()
        self.styled = self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.encoding = sys.stdout.encoding if self.terminal else "utf-8"
        # A lone surrogate stands for a byte, or is in the vocabulary because it was in the text: it leaves as it came.
        self.errors = "replace" if self.terminal else "surrogateescape" if of_bytes else "surrogatepass"
        self.last = "\n"

    def stream(self, pieces: Iterable[Styled]) -> None:
        """Write pieces as they come, and leave a terminal at the beginning of a line.

        An interrupt leaves with everything written that came.

        Args:
            pieces: Texts with their styles.

        Raises:
            BrokenPipeError: Nobody reads any longer.
        """
        waiting: list[Styled] = []
        try:
            flushed = time.monotonic()
            for piece in pieces:
                waiting.append(piece)
                if (now := time.monotonic()) - flushed > _FLUSH_EVERY:
                    # Emptied first: an interrupt in between may cost the newest characters, but leaves no gap.
                    written, waiting, flushed = waiting, [], now
                    self.write(written)
        finally:
            self.write(waiting)
            if self.terminal:
                self.end_line()

    def write(self, pieces: Iterable[Styled]) -> None:
        """Write and flush.

        Args:
            pieces: Texts with their styles.

        Raises:
            BrokenPipeError: Nobody reads any longer.
        """
        parts, before = [], ""
        for text, wanted_style in pieces:
            if not text:
                continue
            self.last = text[-1]
            if self.styled:
                # A style that reached over the end of a line would colour the rest of the next one.
                style = "" if text == "\n" else wanted_style
                if style != before:
                    parts.append(f"\x1b[0;{style}m" if style and before else f"\x1b[{style or '0'}m")
                    before = style
            parts.append(visible(text) if self.terminal else text)
        if before:
            parts.append("\x1b[0m")
        if parts:
            sys.stdout.buffer.write("".join(parts).encode(self.encoding, self.errors))
            sys.stdout.buffer.flush()

    def end_line(self) -> None:
        """End the line, if one is begun."""
        if self.last != "\n":
            self.write([("\n", "")])


@contextlib.contextmanager
def to_the_end() -> Iterator[None]:
    """Writing to standard output: it ends quietly if the reader leaves (`| head`), else an error is one line."""
    try:
        yield
    except OSError as error:
        discard_stdout()
        if not isinstance(error, BrokenPipeError):  # which Typer would turn into exit code 1
            raise CharrnnError(f"standard output: cannot be written ({error.strerror}).", "Free space?") from None
