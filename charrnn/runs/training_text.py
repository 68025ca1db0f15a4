"""The text that a checkpoint was trained on, found again: what it has learnt from, and what was held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from charrnn.errors import UsageError
from charrnn.runs.checkpoint import Header
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.text.corpus import Corpus, Span, Split
from charrnn.text.sources import STDIN

Read = Callable[..., Corpus]


@dataclass(frozen=True, slots=True)
class TrainingText:
    """A text, read as the checkpoint's own was, but that no character is too rare to be told."""

    corpus: Corpus
    same: bool  # whether it is the very text
    split: Split  # as in the training, if it is

    @property
    def training(self) -> tuple[Span, ...]:
        """The parts (start, stop) that were trained on; of another text, all of it."""
        return self.split.training if self.same else (Span(0, len(self.corpus)),)


def find_training_text(
    path: Path | None, header: Header, text: str | None = None, read: Read = corpus.read
) -> TrainingText:
    """The text of the checkpoint at `path`: by what its run's resume file says of it, or `text`, a path or known name.

    `read` reads it (`corpus.read`). Raises UsageError if nothing says where it is, CorpusError if it cannot be
    read.
    """
    reading = replace(header.reading, min_count=1)
    if text is not None:  # its encoding is its own
        found = read([text], reading if reading.bytes else replace(reading, encoding="auto"))
    else:
        resumable = Run(path.parent).resumable if path else None
        origin = dict(resumable.header.progress.get("origin", ())) if resumable else {}
        if not origin.get("texts") or STDIN in origin["texts"]:
            raise UsageError("nothing says where the text that it was trained on is. Name it: --text FILE")
        found = read(origin.pop("texts"), reading, **origin)
    split = found.split(header.training.val_frac, header.training.val_max)
    return TrainingText(found, found.digest == header.corpus.get("digest"), split)
