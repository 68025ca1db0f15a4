"""What is worth knowing of a text before training on it.

Its size and characters, what is odd about it, how far counting gets, and how long networks would take to learn it on
this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from charrnn.config import TrainConfig
from charrnn.evaluation import held_out_check, ngrams
from charrnn.evaluation.ngrams import Baseline
from charrnn.text.corpus import Corpus
from charrnn.text.finding import Finding
from charrnn.text.split import Split
from charrnn.text_check import characters, documents
from charrnn.text_check.findings import CheckedText, Findings

_COUNTED = 5_000_000  # characters of training text that n-grams are counted in: those before the held-out text
_MEASURED = 1_000_000  # characters of held-out text that n-grams are measured on
_RARE = 5  # characters that occur fewer times are told one by one

CHECKS: tuple[Callable[[CheckedText], Findings], ...] = (  # the most important first
    documents.too_short,
    characters.mojibake,
    characters.lost_characters,
    characters.non_text_characters,
    characters.unassigned_code_points,
    documents.boilerplate,
    documents.duplicate_documents,
    documents.repeated_lines,
    characters.unnormalized_characters,
    characters.invisible_characters,
    characters.mixed_alphabets,
    documents.tiny_documents,
    characters.many_rare_characters,
    characters.inconsistent_typography,
    documents.mixed_newlines,
    characters.form_feeds,
)
CHECKS_OF_BYTES = (
    documents.too_short,
    documents.duplicate_documents,
    documents.repeated_lines,
    documents.tiny_documents,
    documents.mixed_newlines,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSummary:
    """Everything `charrnn corpora check` tells but the trials."""

    name: str
    characters: int  # bytes, if the text is read as bytes
    documents: int
    shortest: int  # document
    longest: int
    encodings: tuple[str, ...]
    held_out: int
    held_out_where: str  # in words
    distinct: int
    common: tuple[tuple[str, int], ...]  # the most frequent characters, or bytes by name, and how often they occur
    rare: tuple[tuple[str, int], ...]  # those that occur fewer than 5 times, rarest first
    unknown: int  # characters that --min-count makes the unknown symbol
    findings: tuple[Finding, ...]
    baseline: Baseline | None  # None without held-out text
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def summarize(corpus: Corpus, config: TrainConfig | None = None) -> TextSummary:
    """Sum up what is worth knowing of a text.

    Args:
        corpus: The text.
        config: Says what is held out.

    Returns:
        The figures, and what an n-gram model makes of the held-out text.

    Raises:
        CorpusError: Its ids cannot be read.
    """
    config = config or TrainConfig()
    split = corpus.split(config.val_frac, config.val_max, config.val_at)
    lengths = [document.characters for document in corpus.documents]
    if corpus.boundaries is not None:
        lengths = (np.diff(corpus.boundaries) - 1).tolist()
    order = np.argsort(-corpus.counts, kind="stable")
    names = list(map(_byte_name, range(256))) if corpus.config.bytes else corpus.alphabet.characters
    counted = [(names[index], int(corpus.counts[index])) for index in order if corpus.counts[index]]
    return TextSummary(
        name=corpus.name,
        characters=corpus.characters,
        documents=corpus.document_count,
        shortest=min(lengths),
        longest=max(lengths),
        encodings=tuple(sorted({document.encoding for document in corpus.documents})),
        held_out=split.held_out_size,
        held_out_where=corpus.held_out_in_words(split),
        distinct=len(counted),
        common=tuple(counted[:20]),
        rare=tuple(rare_characters(corpus, _RARE)),
        unknown=len(corpus.alphabet) - len(corpus.vocabulary.code_points) if corpus.vocabulary.unknown else 0,
        findings=tuple(diagnose(corpus, split)),
        baseline=_baseline(corpus, split),
        notes=corpus.notes,
    )


def diagnose(corpus: Corpus, split: Split | None = None) -> list[Finding]:
    """Look for everything that may be wrong with a text.

    Args:
        corpus: The text.
        split: What is held out of it; None: as is usual.

    Returns:
        What was found, the most important first.

    Raises:
        CorpusError: Its ids cannot be read.
    """
    text = CheckedText(corpus)
    checks = CHECKS_OF_BYTES if corpus.config.bytes else CHECKS
    first, *others = [list(check(text)) for check in checks]
    usual = TrainConfig()
    split = split or corpus.split(usual.val_frac, usual.val_max, usual.val_at)
    return [*first, *held_out_check.examine(corpus, split), *(finding for found in others for finding in found)]


def _byte_name(byte: int) -> str:
    r"""A byte for people: its character where ASCII has one to see, else \x9b."""
    return chr(byte) if chr(byte) in "\n\t" or 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def rare_characters(corpus: Corpus, fewer_than: int = 10) -> list[tuple[str, int]]:
    """The characters that occur, but fewer than `fewer_than` times, and how often; the rarest first.

    None of a corpus of bytes, where every byte has its id whether it occurs or not.
    """
    if corpus.config.bytes:
        return []
    counts = CheckedText(corpus).counts
    return sorted(((c, n) for c, n in counts.items() if n < fewer_than), key=lambda entry: (entry[1], entry[0]))


def _baseline(corpus: Corpus, split: Split) -> Baseline | None:
    """N-grams counted in the training text just before the held-out text; of documents, in the first ones."""
    if len(split.training) > 1:
        counted = corpus.joined(split.training, _COUNTED)
    else:
        start, stop = split.training[0]
        counted = corpus.ids[max(start, stop - _COUNTED) : stop]
    measured = corpus.measured.joined(split.held_out, _MEASURED)
    if not len(counted) or not len(measured):
        return None
    return ngrams.kneser_ney(counted, measured, len(corpus.vocabulary))
