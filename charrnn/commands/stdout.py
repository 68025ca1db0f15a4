"""Standard output for what a model writes: exact UTF-8 to files and pipes, and to a terminal nothing it would obey."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator

from charrnn.commands.notes import tell
from charrnn.commands.streams import stdout_error
from charrnn.files import discard_stdout
from charrnn.formatting import SHADES, shade_level
from charrnn.terminal import output
from charrnn.terminal.output import Styled
from charrnn.terminal.wrapping import Wrapper

_FLUSH_EVERY = 0.02  # seconds: smooth to look at, and few enough writes to cost nothing

# Black on so dark a ground (of 256 colours), by the shade level of a character's surprise.
_STYLES = ("", "30;48;5;230", "30;48;5;222", "30;48;5;215", "30;48;5;203")


def shade(bits: float) -> str:
    """The style of a character that surprised a model by so many bits."""
    return _STYLES[shade_level(bits)]


def tell_shades() -> None:
    """Say on standard error what the shades mean."""
    shades = ", ".join(f"{least:g}" for least in SHADES)
    tell(f"shaded by surprise, from {shades} bits on")


class Output:
    """Standard output: exact for a file or pipe; on a terminal safe, in style, its lines ended between words."""

    def __init__(self, of_bytes: bool = False) -> None:
        """Look at what standard output is. `of_bytes`: lone surrogates stand for bytes and leave as such."""
        width = output.width(sys.stdout)
        self.terminal = width is not None
        self.wrapper = None if width is None else Wrapper(width)
        self.styled = not output.is_plain(sys.stdout)
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
            self.finish()
            if self.terminal:
                self.end_line()

    def write(self, pieces: Iterable[Styled]) -> None:
        """Write and flush; on a terminal all but a word that may be going on.

        Args:
            pieces: Texts with their styles.

        Raises:
            BrokenPipeError: Nobody reads any longer.
        """
        if self.wrapper:
            self.wrapper.width = output.width(sys.stdout) or self.wrapper.width  # a window may change
            pieces = self.wrapper.feed(pieces)
        self._put(pieces)

    def finish(self) -> None:
        """Write what was held back, at the end of a text."""
        if self.wrapper:
            self._put(self.wrapper.finish())

    def _put(self, pieces: Iterable[Styled]) -> None:
        """Write and flush pieces as they are."""
        pieces = [piece for piece in pieces if piece[0]]
        if pieces:
            self.last = pieces[-1][0][-1]
            text = output.styled(pieces) if self.styled else "".join(text for text, _ in pieces)
            sys.stdout.buffer.write(text.encode(self.encoding, self.errors))
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
            raise stdout_error(error) from None
