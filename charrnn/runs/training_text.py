"""The text that a checkpoint was trained on, found again: what it has learnt from, and what was held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from charrnn.config import ReadConfig
from charrnn.errors import CheckpointError, CorpusError, UsageError
from charrnn.runs.checkpoint import read_header
from charrnn.runs.header import Header
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.text.reading import findable
from charrnn.text.sources import without_reading_options
from charrnn.text.split import Span, Split

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

    def longest_held_out(self, most: int) -> tuple[str, int]:
        """The longest part that was held out.

        Args:
            most: Characters of it to decode, at most.

        Returns:
            Its beginning, "" if nothing was held out; and how many characters it has.
        """
        measured, spans = self.corpus.measured, self.split.held_out
        if measured.boundaries is not None:
            spans = tuple(measured.without_boundaries(spans))
        if not spans:
            return "", 0
        _, start, stop = max(spans, key=lambda span: span.size)
        return measured.vocabulary.decode(measured.ids[start : min(stop, start + most)]), stop - start


def find_training_text(
    path: Path | None, header: Header, text: str | None = None, read: Read = corpus.read
) -> TrainingText:
    """The text that a checkpoint was trained on, or another in its place.

    Args:
        path: The checkpoint, whose run's resume file says where the text is; None if it lies in no file.
        header: Its header.
        text: A path or known name; None: where the resume file says.
        read: What reads the text, as `corpus.read` does.

    Returns:
        The text, and whether it is the very one.

    Raises:
        UsageError: Nothing says where the text is.
        CorpusError: It cannot be read.
    """
    reading = replace(header.reading, min_count=1)
    if text is not None:  # its encoding is its own
        try:
            source = read([text], reading if reading.bytes else replace(reading, encoding="auto"), learn=False)
        except CorpusError as error:
            raise without_reading_options(error) from None
    else:
        resume = resume_header(path) if path else None
        origin = dict(resume.origin) if resume else {}
        if not findable(origin):
            raise UsageError("nothing says where the text that it was trained on is.", "Name it: --text FILE")
        source = read(origin.pop("texts"), reading, **origin)
    training = header.training
    held_out = header.corpus.get("validation", {}).get("digest")
    same = source.digest == header.corpus.get("digest")
    if source.validation:
        same = same and source.validation.digest == held_out
    # What was held out of a validation text is not in a text that is read without it.
    val_frac = 0.0 if training.val_text is not None else training.val_frac
    return TrainingText(source, same, source.split(val_frac, training.val_max, training.val_at))


def resume_header(path: Path) -> Header | None:
    """What the resume file beside a checkpoint says; None where there is none, or it is damaged."""
    try:
        header = read_header(Run(path.parent).resume_path)
    except CheckpointError:
        return None
    return header if header.kind == "resume" else None


def reading_once(read: Read) -> Read:
    """A reader of texts that reads nothing twice.

    Args:
        read: What reads a text, as `corpus.read` does.

    Returns:
        The same, but that what was read before is returned again.
    """
    texts_read: dict[Any, Corpus] = {}

    def read_or_reuse(texts: Sequence[str], reading: ReadConfig, **files: Any) -> Corpus:
        key = (tuple(texts), reading, tuple(files.items()))
        if key not in texts_read:
            texts_read[key] = read(texts, reading, **files)
        return texts_read[key]

    return read_or_reuse
