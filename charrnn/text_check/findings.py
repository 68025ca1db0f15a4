"""What is found in a text, and the text as those look at it who look for something."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from charrnn import formatting
from charrnn.text.corpus import Corpus
from charrnn.text.encoder import Document
from charrnn.text.vocabulary import describe

SCANNED = 50_000_000  # characters of running text that are looked at: seconds, however long the text
_SLICE = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing about a text that is worth knowing."""

    kind: str  # never changes, for programs
    message: str  # what, how often and where: one line that any terminal can show
    advice: str  # what to do about it; "" if nothing needs doing
    count: int
    examples: tuple[str, ...] = ()


Findings = Iterator[Finding]


class CheckedText:
    """A corpus as the checks look at it."""

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
        """The running text from one place to another; a byte is the character of its number."""
        ids = self.corpus.ids[start:stop]
        return ids.tobytes().decode("latin-1") if self.config.bytes else self.corpus.vocabulary.decode(ids)

    def slices(self) -> Iterator[tuple[int, str]]:
        """The running text as far as it is looked at, and where each slice of it starts. They end where a line does, or
        at least a word, so that nothing that is looked for lies across two of them."""
        at = 0
        while at < self.scanned:
            piece = self.read(at, min(at + _SLICE, self.scanned))
            if at + len(piece) < self.scanned:
                piece = piece[: piece.rfind("\n") + 1 or piece.rfind(" ") + 1 or len(piece)]
            yield at, piece
            at += len(piece)

    def document(self, place: int) -> Document:
        """The document that a place of the running text is in."""
        return self.documents[bisect_right(self.documents, place, key=lambda one: one.start) - 1]

    def inside(self, place: int) -> str:
        """` in book.txt`; "" if there is but one document."""
        return f" in {self.document(place).name}" if len(self.documents) > 1 else ""

    def first(self, characters: Collection[str]) -> str:
        """` (first in book.txt: 'what stands around it')`; "" if they are farther away than is looked."""
        wanted = re.compile(f"[{re.escape(''.join(characters))}]")
        for start, piece in self.slices():
            if found := wanted.search(piece):
                around = piece[max(0, found.start() - 15) : found.end() + 15]
                return f" (first{self.inside(start + found.start())}: {around!r})"
        return ""

    def mostly(self, belongs: Callable[[str], bool]) -> bool:
        """Whether most of its letters are of a kind."""
        letters = {c: n for c, n in self.counts.items() if c.isalpha()}
        return 2 * sum(n for c, n in letters.items() if belongs(c)) > sum(letters.values())


def many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def share_of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if 1000 * part >= whole else "less than 0.1 %"


def some(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names[:3])


def few(names: Sequence[str]) -> str:
    return formatting.few(names, most=3)


def shown(character: str) -> str:
    """A character for a message, by its number alone if it has neither a look nor a name."""
    nameless = unicodedata.category(character) in ("Cn", "Co", "Cs")
    return f"U+{ord(character):04X}" if nameless else describe(character)


def characters_of(text: CheckedText, kind: str, noun: str, belongs: Callable[[str], object], advice: str) -> Findings:
    """Whether characters of some kind occur, which should not."""
    found = sorted((-count, character) for character, count in text.counts.items() if belongs(character))
    if found:
        total, characters = -sum(less for less, _ in found), [character for _, character in found]
        told = [f"{shown(character)}" + f" {-less:,}" * (len(found) > 1) for less, character in found]
        message = f"{many(total, noun)}: {few(told)}{text.first(characters)}"
        examples = tuple(map(shown, some(characters)))
        yield Finding(kind=kind, message=message, advice=advice, count=total, examples=examples)
