"""A finding, and the text as the checks read it.

Characters are judged by their counts, which are those of all the text. Only what needs their neighbours is looked for
in the running text, as far as `SCANNED`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from charrnn import formatting
from charrnn.text.corpus import Corpus
from charrnn.text.encoder import Document
from charrnn.text.finding import Finding
from charrnn.text.vocabulary import describe

SCANNED = 50_000_000  # characters of running text that are looked at: seconds, however long the text
_SLICE = 1 << 20


Findings = Iterator[Finding]


class CheckedText:
    """A corpus as the checks read it: the counts of its characters, and its running text slice by slice."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus, self.config, self.documents = corpus, corpus.config, corpus.documents
        self.unit = "byte" if corpus.config.bytes else "character"
        counted = zip(corpus.alphabet.characters, corpus.counts.tolist(), strict=True)
        self.counts: dict[str, int] = {character: count for character, count in counted if count}
        self.scanned = min(len(corpus), SCANNED)

    def within(self, end: int) -> str:
        """` in the first 50,000,000 characters`; "" if that is all of it."""
        return f" in the first {end:,} {self.unit}s" if end < len(self.corpus) else ""

    def read(self, start: int, stop: int) -> str:
        """The running text from `start` up to `stop`; a byte is the character of its number, a boundary a newline."""
        ids, vocabulary = self.corpus.ids[start:stop], self.corpus.vocabulary
        if self.config.bytes:
            return np.where(ids == vocabulary.boundary_id, ord("\n"), ids).astype(np.uint8).tobytes().decode("latin-1")
        return (vocabulary if vocabulary.boundary is None else replace(vocabulary, boundary="\n")).decode(ids)

    def slices(self) -> Iterator[tuple[int, str]]:
        """The running text as far as it is scanned.

        Yields:
            Where a slice starts, and the slice. It ends where a line does, or at least a word, so that nothing that is
            looked for lies across two of them.
        """
        start = 0
        while start < self.scanned:
            piece = self.read(start, min(start + _SLICE, self.scanned))
            if start + len(piece) < self.scanned:
                piece = piece[: piece.rfind("\n") + 1 or piece.rfind(" ") + 1 or len(piece)]
            yield start, piece
            start += len(piece)

    def document_at(self, place: int) -> Document:
        """The document that a place of the running text is in."""
        return self.documents[bisect_right(self.documents, place, key=lambda document: document.start) - 1]

    def in_document(self, place: int) -> str:
        """` in book.txt`; "" if there is but one document."""
        known = len(self.documents) > 1 and self.config.shuffle != "lines"
        return f" in {self.document_at(place).name}" if known else ""

    def first_occurrence(self, characters: Collection[str]) -> str:
        """` (first in book.txt: 'what stands around it')`; "" if they are farther away than is scanned."""
        pattern = re.compile(f"[{re.escape(''.join(characters))}]")
        for start, piece in self.slices():
            if match := pattern.search(piece):
                context = piece[max(0, match.start() - 15) : match.end() + 15]
                return f" (first{self.in_document(start + match.start())}: {context!r})"
        return ""

    def mostly(self, belongs: Callable[[str], bool]) -> bool:
        """Whether most of its letters are of the kind that `belongs` says."""
        letters = {c: n for c, n in self.counts.items() if c.isalpha()}
        return 2 * sum(n for c, n in letters.items() if belongs(c)) > sum(letters.values())


def percentage(part: int, whole: int) -> str:
    """A share for people.

    >>> percentage(1, 8), percentage(1, 8000)
    ('12.5 %', 'less than 0.1 %')
    """
    return f"{100 * part / whole:.1f} %" if 1000 * part >= whole else "less than 0.1 %"


def examples_of(names: Sequence[str]) -> tuple[str, ...]:
    """So many of them as a finding keeps."""
    return tuple(names[:3])


def listed(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    return formatting.few(names, most=3)


def label_of(character: str) -> str:
    """A character for a message, by its code point alone if it has neither a look nor a name."""
    nameless = unicodedata.category(character) in ("Cn", "Co", "Cs")
    return f"U+{ord(character):04X}" if nameless else describe(character)


def character_finding(
    text: CheckedText, kind: str, noun: str, belongs: Callable[[str], object], advice: str
) -> Findings:
    """Look for characters that should not occur.

    Args:
        text: Where to look.
        kind: Of the finding.
        noun: What such a character is called, in the singular.
        belongs: Whether a character is one of them.
        advice: Of the finding.

    Yields:
        One finding, if there are any.
    """
    counts = sorted((-count, character) for character, count in text.counts.items() if belongs(character))
    if counts:
        total, characters = -sum(negative for negative, _ in counts), [character for _, character in counts]
        labels = [label_of(character) + f" {-negative:,}" * (len(counts) > 1) for negative, character in counts]
        message = f"{formatting.plural(total, noun)}: {listed(labels)}{text.first_occurrence(characters)}"
        examples = tuple(map(label_of, examples_of(characters)))
        yield Finding(kind=kind, message=message, advice=advice, count=total, examples=examples)
