"""Words, and how many of a sample's are real: the story of a training in one number."""

from __future__ import annotations

import re
from collections.abc import Iterable

from charrnn.text.corpus import Corpus
from charrnn.text.split import Span

WORDS_FROM = 10_000_000  # characters of training text whose words are known: three seconds' reading, and most words
PIECE = 1_000_000  # characters decoded at once; a word at such a border is cut in two, which moves no figure


def words_of(text: str) -> list[str]:
    """The words of a text: runs of letters, with apostrophes inside, in lower case.

    >>> words_of("Don't stop 3 times, Élise!")
    ["don't", 'stop', 'times', 'élise']
    """
    return [word.lower() for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text)]


def training_words(
    corpus: Corpus, spans: Iterable[Span], *, limit: int | None = WORDS_FROM, piece: int | None = PIECE
) -> frozenset[str]:
    """The words of parts of a text.

    Args:
        corpus: The text.
        spans: The parts, in order.
        limit: Characters that are read, to the end of a piece; None: all.
        piece: Characters that are decoded at once; None: each part whole.

    Returns:
        The different words, in lower case.
    """
    words: set[str] = set()
    remaining = len(corpus) if limit is None else limit
    for span in spans:
        if remaining <= 0:
            break
        size = piece or max(1, span.size)
        for start in range(span.start, min(span.stop, span.start + remaining), size):
            words.update(words_of(corpus.vocabulary.decode(corpus.ids[start : min(span.stop, start + size)])))
        remaining -= span.size
    return frozenset(words)


def known_words(sample: str, text_words: Iterable[str]) -> float | None:
    """The share of a sample's words that a text has too.

    Args:
        sample: What a model wrote. Its last word, which its end may have cut, is not counted.
        text_words: The words of the text; a frozenset spares making one.

    Returns:
        0 to 1; None if the sample has no words.

    >>> known_words("the lamq went ro", {"the", "lamp", "went"}) == 2 / 3
    True
    """
    words = words_of(sample)
    if words and sample and not sample[-1].isspace() and (sample[-1].isalpha() or sample[-1] in "'’"):
        words = words[:-1]
    known = text_words if isinstance(text_words, frozenset) else frozenset(text_words)
    return sum(word in known for word in words) / len(words) if words else None
