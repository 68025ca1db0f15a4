"""What a sample is made of, beside the same figures of real text: is it too cold, too warm, or learnt by heart?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from charrnn.text.lexicon import KnownShares, Lexicon
from charrnn.text.words import is_unspaced, words_of

# How far a sample's share must be from that of real text before it means anything. A sample of some 400 characters has
# 70 words, and a share of them that is near 0 or 1 goes up and down by 0.03 from one to the next: thrice that is 0.1.
REPEATS = 0.1  # more of its word trigrams used before: prose of this length hardly has any
RECITES = 0.2  # more of its characters in stretches of the training text: one stretch of 80 in 400 may be chance
STUMBLES = 0.1  # fewer of its words known: real text, too, has names that the training text never had
LEAST = 20  # word trigrams, of fewer of which a share tells nothing
RUN = 8  # characters that stand for three words in scripts without spaces


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleStatistics:
    """Shares from 0 to 1; None where there is too little text to tell, or nothing at hand to look it up in."""

    known_words: float | None  # of the words of two or more letters, how many the training text has
    verbatim: float | None  # of the characters, how many lie in stretches that the training text has word for word
    repetition: float | None  # of the word trigrams, how many the text itself has used before
    known_trigrams: float | None = None  # as known_words, of three characters in a row, where words cannot be told

    @classmethod
    def of(cls, text: str, lexicon: Lexicon | None = None, verbatim: float | None = None) -> SampleStatistics:
        """What a text is made of.

        Args:
            text: A sample, or a passage of real text.
            lexicon: The words of the training text; None without it.
            verbatim: `novelty.Overlap.share` of the text; None without the training text.

        Returns:
            Its shares.
        """
        known = lexicon.shares(text) if lexicon else KnownShares(None, None)
        return cls(
            known_words=known.words, known_trigrams=known.trigrams, verbatim=verbatim, repetition=repetition(text)
        )

    def to_dict(self) -> dict[str, float | None]:
        """Everything, ready for JSON."""
        return {
            "known_words": self.known_words,
            "known_trigrams": self.known_trigrams,
            "found": self.verbatim,
            "repetition": self.repetition,
        }


def repetition(text: str) -> float | None:
    """How much a text repeats itself. It grows with the length of a text, so compare texts of one length.

    Args:
        text: Any text.

    Returns:
        The share of its word trigrams that it has used before, 0 to 1; of a text in a script without spaces, that of
        RUN characters in a row. None for fewer than LEAST of them.
    """
    trigrams: Sequence[object]
    if is_unspaced(text):
        letters = "".join(words_of(text))
        trigrams = [letters[at : at + RUN] for at in range(len(letters) - RUN + 1)]
    else:
        words = words_of(text)
        trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(trigrams)) / len(trigrams) if len(trigrams) >= LEAST else None


def interpretation(sample: SampleStatistics, real: SampleStatistics) -> str | None:
    """How a sample differs from real text, in words.

    Args:
        sample: What the sample is made of.
        real: The same of real text of about its length.

    Returns:
        Remarks; None if it is like real text as far as is known.
    """
    remarks = (
        (sample.repetition, real.repetition, REPEATS, "repeats itself: colder than the text"),
        (sample.verbatim, real.verbatim, RECITES, "much is word for word: memorised"),
        (real.known_words, sample.known_words, STUMBLES, "fewer real words: too warm or still learning"),
        (real.known_trigrams, sample.known_trigrams, STUMBLES, "stranger than the text: too warm or still learning"),
    )
    remarks_that_hold = [
        words
        for higher, lower, margin, words in remarks
        if higher is not None and lower is not None and higher - lower > margin
    ]
    return "; ".join(remarks_that_hold) or None
