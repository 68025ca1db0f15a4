"""`charrnn sample` beside the text that a model was trained on: finding it, and not copying it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands.notes import tell
from charrnn.formatting import CHARACTER, Unit, plural

if TYPE_CHECKING:
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.runs.training_text import TrainingText
    from charrnn.sampling.no_copy import CopyIndex
    from charrnn.sampling.request import GeneratedText


def training_text(checkpoint: Checkpoint, named: Path | None) -> TrainingText:
    """The text that a model was trained on; says on standard error if it has changed.

    Args:
        checkpoint: The model's.
        named: What is read instead; None: the text of its run.

    Returns:
        The text, and what of it was trained on.

    Raises:
        UsageError: It is not known where the text is.
        CorpusError: It cannot be read.
    """
    from charrnn.commands import text_options
    from charrnn.runs.training_text import find_training_text

    text = None if named is None else str(named)
    source = find_training_text(checkpoint.path, checkpoint.header, text, text_options.read)
    if named is None and not source.same:
        tell("the text has changed since; what follows is of how it is now")
    return source


class CopyReport:
    """What it has cost several texts not to copy."""

    def __init__(self, longest: int | None) -> None:
        """`longest` is how many characters in a row may be copied; None: any number, and nothing is said."""
        self._longest, self._unit = longest, CHARACTER
        self._characters, self._ruled_out, self._bits, self._ended = 0, 0, 0.0, 0

    def index(self, source: TrainingText, *, backward: bool) -> CopyIndex | None:
        """The index of what was trained on, in the direction in which is written; None where anything may be copied."""
        from charrnn.sampling.no_copy import CopyIndex

        if self._longest is None:
            return None
        return CopyIndex(source.corpus, self._longest, source.training, backward=backward)

    def add(self, text: GeneratedText, unit: Unit) -> None:
        """Count a text that is written, in units of the model's."""
        cost = text.ruled_out
        self._unit = unit
        self._characters += text.characters.count - (text.ended_by == "document")
        self._ruled_out += cost.characters
        self._bits += cost.bits
        self._ended += text.ended_by == "no-copy"

    def tell(self) -> None:
        """Say on standard error what it has cost, and if texts ended because of it."""
        if self._longest is None:
            return
        option = f"--no-copy {self._longest}"
        of = f"{self._ruled_out:,} of {plural(self._characters, self._unit.one)}"
        cost = self._bits / max(1, self._characters)
        tell(f"{option}: something was ruled out at {of}, which cost {cost:.3f} {self._unit.bits_per}")
        if self._ended:
            early = f"{plural(self._ended, 'text')} ended early, where each {self._unit.one} would have copied"
            tell(f"{option}: {early}: a larger number leaves more to choose from")
