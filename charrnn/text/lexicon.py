"""What a training text's words are, and how many of a sample's are among them: a training's story in one number.

Where words cannot be told, because a script sets no spaces between them or held-out text itself has few that are known,
three characters in a row take their place; and where those tell nothing either, as in a text of four letters, there is
no figure.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.text.corpus import Corpus
from charrnn.text.split import HeldOutSpan, Span
from charrnn.text.vocabulary import to_code_points
from charrnn.text.words import is_unspaced, known_words, letters_in, normalized, words_of

WORDS_FROM = 10_000_000  # characters of training text whose words are known: three seconds' reading, and most words
PIECE = 1_000_000  # characters decoded at once; a word at such a border is cut in two, which moves no figure
_REAL = 20_000  # characters of real text that say whether a figure tells anything
_FEW = 20  # words or trigrams, of fewer of which a share tells nothing
_KNOWN_WORDS, _KNOWN_TRIGRAMS = 0.5, 0.1  # the least shares of real text; a page of Chinese has few trigrams twice
_BITS = 21  # of a code point

Trigrams = NDArray[np.uint64]


class KnownShares(NamedTuple):
    """How much of a sample the training text has, from 0 to 1; at most one of the two is told."""

    words: float | None  # of its words of two or more letters
    trigrams: float | None  # of its three letters or marks in a row, where words cannot be told


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """The words of a training text, or its trigrams of characters; neither where both would tell nothing."""

    words: frozenset[str] | None = None
    trigrams: Trigrams | None = None  # ascending

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        training: Sequence[Span],
        held_out: Sequence[HeldOutSpan] = (),
        *,
        limit: int | None = WORDS_FROM,
        piece: int | None = PIECE,
    ) -> Lexicon:
        """Collect the words of what a text trains on, or what stands for them.

        Args:
            corpus: The text.
            training: The parts of it, in order.
            held_out: The other parts, or those of its validation text, which say whether words tell anything; where
                there are none, the end of the training text does.
            limit: Characters that are read, to the end of a piece; None: all.
            piece: Characters that are decoded at once; None: each part whole.

        Returns:
            The lexicon.
        """
        pieces = list(_pieces(corpus, training, limit, piece)) or [""]
        last = pieces.pop()
        known = last  # of the last piece, what is not judged by
        real = "".join(_pieces(corpus.measured, [Span(span.start, span.stop) for span in held_out], _REAL, _REAL))[
            :_REAL
        ]
        if len(words_of(real)) < _FEW and len(_trigrams(real)) < _FEW:
            cut = len(last) * 9 // 10
            known, real = last[:cut], last[cut:][-_REAL:]
        if not is_unspaced(real):
            before = frozenset(word for text in pieces for word in words_of(text))
            words = before.union(words_of(known))
            if _tells(_known_words(real, words), _known_words(_shuffled(real), words), _KNOWN_WORDS):
                return cls(words=before.union(words_of(last)))
        trigrams = _union(map(_trigrams, [*pieces, known]))
        if _tells(_known_trigrams(real, trigrams), _known_trigrams(_shuffled(real), trigrams), _KNOWN_TRIGRAMS):
            return cls(trigrams=_union([trigrams, _trigrams(last)]))
        return cls()

    def shares(self, sample: str) -> KnownShares:
        """How much of a sample the training text has.

        Args:
            sample: What a model wrote; the last word, which its end may have cut, is not counted.

        Returns:
            The share of its words or trigrams; neither where there are none.
        """
        words = None if self.words is None else known_words(sample, self.words)
        trigrams = None if self.trigrams is None else _share(_trigrams(sample, distinct=False), self.trigrams)
        return KnownShares(words, trigrams)


def _pieces(corpus: Corpus, spans: Iterable[Span], limit: int | None, piece: int | None) -> Iterator[str]:
    """The text of some spans, a piece at a time, up to the end of the piece that reaches the limit."""
    remaining = len(corpus) if limit is None else limit
    for span in spans:
        if remaining <= 0:
            break
        size = piece or max(1, span.size)
        for start in range(span.start, min(span.stop, span.start + remaining), size):
            yield corpus.vocabulary.decode(corpus.ids[start : min(span.stop, start + size)])
        remaining -= span.size


def _tells(real: float | None, noise: float | None, least: float) -> bool:
    """Whether a share says something: real text has much of it, and its characters in any order have little.

    Of a text too short to be asked nothing speaks against it.
    """
    return real is None or (real >= least and (noise or 0.0) <= real / 2)


def _known_words(text: str, words: frozenset[str]) -> float | None:
    """The share of known words; None for few of them."""
    return known_words(text, words) if sum(letters_in(word) > 1 for word in words_of(text)) >= _FEW else None


def _known_trigrams(text: str, trigrams: Trigrams) -> float | None:
    """The share of known trigrams; None for few of them."""
    found = _trigrams(text, distinct=False)
    return _share(found, trigrams) if len(found) >= _FEW else None


def _share(found: Trigrams, known: Trigrams) -> float | None:
    """How many of those found are known; None of none."""
    return float(np.isin(found, known).mean()) if len(found) else None


def _shuffled(text: str) -> str:
    """The same characters in another order, always the same."""
    characters = list(text)
    random.Random(0).shuffle(characters)
    return "".join(characters)


def _trigrams(text: str, *, distinct: bool = True) -> Trigrams:
    """Every three letters or marks in a row of a text, as numbers; in order of the text if not `distinct`."""
    text = normalized(text)
    points = to_code_points(text)
    characters, where = np.unique(points, return_inverse=True)
    inside = np.array([unicodedata.category(chr(point))[0] in "LM" for point in characters.tolist()], dtype=bool)[where]
    wide = points.astype(np.uint64)
    packed = (wide[:-2] << np.uint64(2 * _BITS)) | (wide[1:-1] << np.uint64(_BITS)) | wide[2:]
    packed = packed[inside[:-2] & inside[1:-1] & inside[2:]]
    return np.unique(packed) if distinct else packed


def _union(parts: Iterable[Trigrams]) -> Trigrams:
    """All that is in any of them, ascending."""
    whole = np.empty(0, dtype=np.uint64)
    for part in parts:
        whole = np.union1d(whole, part)
    return whole
