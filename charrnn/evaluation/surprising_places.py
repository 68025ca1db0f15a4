"""Where a text surprised a model most: single characters with what is around them, of any word only one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

from charrnn.evaluation.scoring import Score
from charrnn.text.graphemes import clusters

_AROUND = 24  # characters of context on either side of a place


@dataclass(frozen=True, slots=True)
class Place:
    """One character of a text, and what is around it."""

    position: int  # in the whole text, from 0
    line: int  # from 1
    character: str
    bits: float
    unseen: bool
    before: str
    after: str

    @property
    def shown(self) -> tuple[str, str, str]:
        """What is before, the character with the marks it is seen with, and what is after."""
        start = 0
        for cluster in clusters(self.before + self.character + self.after):
            stop = start + len(cluster)
            if stop > len(self.before):
                break
            start = stop
        kept = len(self.before) + len(self.character)
        return self.before[:start], cluster, self.after[max(0, stop - kept) :]


def most_surprising(score: Score, count: int) -> list[Place]:
    """The characters that surprised a model most.

    Args:
        score: What the model makes of a text.
        count: How many, at most.

    Returns:
        Those of the most bits, the most first, the earlier of equals; of any word only one.
    """
    whole, lead = score.before + score.text + score.after, len(score.before)
    places: list[Place] = []
    words: list[tuple[int, int]] = []
    for index in map(int, np.argsort(-score.bits, kind="stable")):
        if len(places) == count:
            break
        at = lead + index
        if any(start <= at < stop for start, stop in words):
            continue
        words.append(_word(whole, at))
        places.append(
            Place(
                position=at,
                line=whole.count("\n", 0, at) + 1,
                character=whole[at],
                bits=float(score.bits[index]),
                unseen=bool(score.unseen[index]),
                before=whole[max(0, at - _AROUND) : at],
                after=whole[at + 1 : at + 1 + _AROUND],
            )
        )
    return places


def _word(text: str, at: int) -> tuple[int, int]:
    """Where the word around a character starts and stops; what is in no word is alone."""
    start, stop = at, at + 1
    if _in_word(text[at]):
        while start > 0 and _in_word(text[start - 1]):
            start -= 1
        while stop < len(text) and _in_word(text[stop]):
            stop += 1
    return start, stop


def _in_word(character: str) -> bool:
    return character in "'’" or unicodedata.category(character)[0] in "LMN"  # letters, their marks, numbers
