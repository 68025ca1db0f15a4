"""What a careful friend would say of a text before a model learns it: where it is damaged, what is in it by accident,
and what there is too little of.

Characters are judged by their counts, which are those of all the text. Only what needs their neighbours is looked for
in the running text, as far as `findings.SCANNED`.
"""

from __future__ import annotations

from collections.abc import Callable

from charrnn.text.corpus import Corpus
from charrnn.text_check import characters, documents
from charrnn.text_check.findings import CheckedText, Finding, Findings

__all__ = ["Finding", "diagnose", "rare"]

_CHECKS: tuple[Callable[[CheckedText], Findings], ...] = (  # the most important first
    documents.short,
    characters.decoding,
    characters.lost,
    characters.unwanted,
    characters.unassigned,
    documents.boilerplate,
    documents.copies,
    documents.repeated_lines,
    characters.not_nfc,
    characters.invisible,
    characters.mixed_words,
    documents.tiny,
    characters.long_tail,
    characters.spelling,
    documents.newlines,
    characters.form_feeds,
)
_CHECKS_OF_BYTES = (
    documents.short,
    documents.copies,
    documents.repeated_lines,
    documents.tiny,
    documents.newlines,
)


def diagnose(corpus: Corpus) -> list[Finding]:
    """Everything worth knowing about a text, most important first. Raises CorpusError if its ids cannot be read."""
    text = CheckedText(corpus)
    checks = _CHECKS_OF_BYTES if corpus.config.bytes else _CHECKS
    return [finding for check in checks for finding in check(text)]


def rare(corpus: Corpus, fewer_than: int = 10) -> list[tuple[str, int]]:
    """The characters that occur, but fewer than `fewer_than` times, and how often; the rarest first. None of a corpus
    of bytes, where every byte has its id whether it occurs or not."""
    if corpus.config.bytes:
        return []
    counts = CheckedText(corpus).counts
    return sorted(((c, n) for c, n in counts.items() if n < fewer_than), key=lambda one: (one[1], one[0]))
