"""The prompt of `charrnn sample`, or its ending: typed, or a file's, as a model reads texts."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands.notes import tell
from charrnn.config import BoundsConfig, ReadConfig, SamplingConfig, parsing
from charrnn.errors import CharrnnError, CorpusError, UsageError
from charrnn.formatting import size
from charrnn.shell import quoted

if TYPE_CHECKING:
    from charrnn.runs.checkpoint import Checkpoint
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


class PromptOrEnding:
    """What samples go on from, or what they lead up to.

    Attributes:
        option: How it was given: `--prompt`, `--ending`, or one of their files; of nothing, `--prompt`.
    """

    def __init__(self, sampling: SamplingConfig, bounds: BoundsConfig) -> None:
        """Raises UsageError, CharrnnError: more than one is given, or the file cannot be read."""
        typed = {"--prompt": sampling.prime, "--ending": bounds.ending}
        files = {"--prompt-file": bounds.prime_file, "--ending-file": bounds.ending_file}
        given = [option for option, value in (typed | files).items() if value is not None]
        if len(given) > 1:
            apart = {option.removesuffix("-file") for option in given}
            between = " What stands between the two writes charrnn fill." if len(apart) > 1 else ""
            raise UsageError(f"{' and '.join(given)} contradict each other.", f"Give one of them.{between}")
        self.option, self._given = given[0] if given else "--prompt", bool(given)
        self._typed, self._file = typed.get(self.option), files.get(self.option)
        self._prompt = Prompt(self._typed, self._file, option=self.option)

    @property
    def leads_to(self) -> bool:
        """Whether it is an ending, which a text leads up to."""
        return self.option.startswith("--ending")

    @property
    def name(self) -> str:
        """What a note calls it."""
        return "the ending" if self.leads_to else "the prompt"

    def text(self, model: Checkpoint) -> str:
        """Its characters for a model, as `Prompt.text` has them.

        Raises:
            UsageError: The model reads in the other direction.
            CharrnnError: The file is no text, or in no encoding that can be told.
        """
        if self._given and self.leads_to != model.header.backward:
            raise self._other_direction(model)
        return self._prompt.text(model.header)

    def _other_direction(self, model: Checkpoint) -> UsageError:
        """For a prompt of a model that reads from the end, or an ending of one that does not."""
        typed = self._typed or ""
        value = quoted(str(self._file) if self._file else typed if self.leads_to else parsing.escaped(typed))
        if self.leads_to:
            return UsageError(
                f"{self.option}: {model.path} reads forward, and writes what follows a text, not what leads up to it.",
                f"Give it what to go on from: {self.option.replace('ending', 'prompt')} {value}; or train a model for "
                f"endings: charrnn train TEXT --backward",
            )
        return UsageError(
            f"{self.option}: {model.path} reads backward, and writes what leads up to a text, not what follows it.",
            f"Give it what to end with: {self.option.replace('prompt', 'ending')} {value}; or take a model that was "
            f"trained without --backward.",
        )
