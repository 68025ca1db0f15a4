"""The prompt of `charrnn sample`: typed, or a file's, as a model reads texts."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands.notes import tell
from charrnn.config import ReadConfig
from charrnn.errors import CharrnnError, CorpusError, UsageError
from charrnn.formatting import size

if TYPE_CHECKING:
    from charrnn.runs.header import Header

_LARGEST = 100_000_000  # bytes, that take hours to be read by a model; a device has no end


class Prompt:
    """What a sample begins with; a file is read once, and decoded as each model's own text was."""

    def __init__(self, typed: str | None, file: Path | None, *, option: str = "--prompt-file") -> None:
        """Raises UsageError, CharrnnError: both are given, or the file cannot be read. `option` names the file."""
        self._typed, self._data, self._name, self._option = typed or "", b"", "", option
        if file is None:
            return
        if typed is not None:
            raise UsageError("--prompt and --prompt-file contradict each other.", "Give one of them.")
        self._name = "standard input" if str(file) == "-" else str(file)
        try:  # a pipe of the shell, too
            with nullcontext(sys.stdin.buffer) if str(file) == "-" else open(file, "rb") as opened:
                self._data = opened.read(_LARGEST + 1)
        except OSError as error:
            what = f"{option} {self._name}: cannot be read ({error.strerror})."
            raise CharrnnError(what, "Name a file that can be.") from None
        if len(self._data) > _LARGEST:
            raise CharrnnError(f"{option} {self._name}: is larger than {size(_LARGEST)}.", "Give its last pages.")

    def text(self, header: Header) -> str:
        """Its characters for a model: of bytes, the very bytes; else decoded, whatever its encoding.

        Says on standard error what should be known of the file.

        Raises:
            CharrnnError: The file is no text, or in no encoding that can be told.
        """
        if not self._name:
            return self._typed
        if header.vocabulary.of_bytes:
            return self._data.decode("utf-8", "surrogateescape")
        from charrnn.text import charsets, sources

        statistics = charsets.DecodingStatistics()
        reading = ReadConfig(keep_newlines=header.reading.keep_newlines)
        try:
            pieces = list(charsets.decode(sources.of_bytes(self._data, self._name), reading, statistics))
        except CorpusError as error:
            error = sources.without_reading_options(error)
            raise CharrnnError(f"{self._option} {error.what}", error.advice) from None
        if statistics.remark:
            tell(f"{self._option} {self._name}: {statistics.remark}")
        return "".join(piece.decode("ascii") if isinstance(piece, bytes) else piece for piece in pieces)
