"""Typing and OCR errors: where a text is likelier mended than as it stands, to models that read from either side.

`both_sides` finds the places; here each edit is judged exactly. With the text as it stands T and mended M,

    gain = (log P_f(M) - log P_f(T) + log P_b(M) - log P_b(T)) / 2 - log(ways),

in nats, the geometric mean of both models' likelihoods, as `sampling.fill` has it, over a window: what both read before
it is the same, and further characters hardly depend on it. `ways` is how many slips by chance would have had the same
chance, V where the slip put a character in (a wrong or a surplus one), else 1 (Kernighan, Church and Gale, 1990). A
character that was never seen costs UNSEEN_BITS on either side, beside what is read for it. A gain of log((1 - e) / e)
or more says that the slip is likelier than not where a share e of all characters is damaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.evaluation.both_sides import UNSEEN, BothSides, Candidate, Edit, Slip
from charrnn.evaluation.scoring import ShareCallback
from charrnn.formatting import bits
from charrnn.network.engine import State
from charrnn.sampling.side import Side
from charrnn.text.vocabulary import Vocabulary

_READ, _JUDGED = 64, 12  # characters that are read before an edit, and judged behind it
_APART = 2  # characters: nearer to a suspect there is no other
_AROUND = 24  # characters of context that are shown on either side
_SPARE = 4  # places that are judged for each suspect that is asked for, and at least
_LEAST = 40
_TOGETHER = 64  # places that are judged side by side


def places_for(count: int) -> int:
    """How many candidates to judge where so many suspects are wanted."""
    return max(_LEAST, _SPARE * count) if count else 0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A place that is likelier mended, and what mends it best."""

    slip: Slip  # what was done to the text
    position: int  # of a character in the whole text, from 0
    line: int  # from 1
    column: int  # from 1
    written: str  # what stands there; "" where something is missing
    correction: str  # what is likely meant; "" where something is too much
    gain: float  # bits: how much likelier the text is mended, with the ways to err
    before: str
    after: str

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def mended(
    forward: Side, backward: Side, vocabulary: Vocabulary, judged: BothSides, candidates: Sequence[Candidate]
) -> Iterator[tuple[Edit, float]]:
    """What makes a text likeliest in each of some places.

    Args:
        forward: The model that reads from the beginning.
        backward: That which reads from the end.
        vocabulary: That of both.
        judged: What they make of the text.
        candidates: The places, and the edits to choose from.

    Yields:
        For each of them the best edit, and its gain in nats: below 0 where the text is best as it is.

    Raises:
        DivergedError: The outputs of a model are not numbers.
    """
    begin = vocabulary.lead
    for start in range(0, len(candidates), _TOGETHER):
        places = [_Place.of(candidate, judged.ids, begin) for candidate in candidates[start : start + _TOGETHER]]
        ahead = _judge(forward, judged.common, [(place.before, place.middles, place.following) for place in places])
        turned = [(place.after, [middle[::-1] for middle in place.middles], place.preceding) for place in places]
        behind = _judge(backward, judged.common, turned)
        for place, *likelihoods in zip(places, ahead, behind, strict=True):
            likelihood = np.mean(likelihoods, axis=0)
            gains = likelihood[:-1] - likelihood[-1]
            for number, edit in enumerate(place.edits):
                if edit.slip != "transposition":
                    gains[number] += UNSEEN * judged.unseen[edit.start : edit.stop].sum()
                if edit.slip in ("substitution", "insertion"):
                    gains[number] -= math.log(len(vocabulary))
            best = int(gains.argmax())
            yield place.edits[best], gains.item(best)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of a text with its edits, and what is around it: what is read, and what is judged behind it."""

    edits: tuple[Edit, ...]
    before: list[int]
    middles: list[list[int]]  # what may stand there: by each edit, and last as it is
    after: list[int]  # from the last to the first
    preceding: list[int]  # from the last to the first
    following: list[int]

    @classmethod
    def of(cls, candidate: Candidate, ids: NDArray[np.intp], begin: list[int]) -> _Place:
        """`begin` are the ids that every text begins and ends with."""
        edits = candidate.edits
        start, stop = min(edit.start for edit in edits), max(edit.stop for edit in edits)
        first, last = begin if start <= _READ else [], begin if stop + _READ >= len(ids) else []
        before = [*first, *ids[max(0, start - _READ) : start].tolist()]
        after = [*last, *ids[stop : stop + _READ][::-1].tolist()]
        written = ids[start:stop].tolist()
        middles = [[*written[: edit.start - start], *edit.ids, *written[edit.stop - start :]] for edit in edits]
        return cls(edits, before, [*middles, written], after, before[::-1][:_JUDGED], after[::-1][:_JUDGED])


def _judge(
    side: Side, common: NDArray[np.float64], places: Sequence[tuple[list[int], list[list[int]], list[int]]]
) -> list[NDArray[np.float64]]:
    """How likely what may stand in each place is, with what is behind it, after what is before it.

    Where nothing is before it, a first id is as it is common.
    """
    lengths = {len(before) for before, _, _ in places}
    states: dict[tuple[int, ...], State] = {}
    for length in lengths - {0}:
        contexts = list(dict.fromkeys(tuple(before) for before, _, _ in places if len(before) == length))
        states |= zip(contexts, side.read_each(np.array(contexts).T), strict=True)
    follows, sequences, extra = list[State](), list[list[int]](), list[float]()
    for before, middles, behind in places:
        for middle in middles:
            context, sequence = tuple(before), [*middle, *behind]
            extra.append(0.0 if context else common[sequence[0]])
            if not context:
                context, sequence = (sequence[0],), sequence[1:]
            if context not in states:
                states[context] = side.engine.read(context)
            follows.append(states[context])
            sequences.append(sequence)
    likelihood = side.judge(follows, sequences) + extra
    return np.split(likelihood, np.cumsum([len(middles) for _, middles, _ in places])[:-1])


def find(
    forward: Side,
    backward: Side,
    vocabulary: Vocabulary,
    judged: BothSides,
    count: int,
    *,
    progress: ShareCallback = lambda share: None,
) -> list[Suspect]:
    """The likeliest errors of a text.

    Args:
        forward: The model that reads from the beginning.
        backward: That which reads from the end.
        vocabulary: That of both.
        judged: What they make of the text, with candidates.
        count: How many, at most.
        progress: Is told what share of the work has been done since it was last told.

    Returns:
        Those of the largest gain, none below 0, the largest first; of any two that lie side by side only one.

    Raises:
        DivergedError: The outputs of a model are not numbers.
    """
    found: list[tuple[float, Edit]] = []
    for edit, gain in mended(forward, backward, vocabulary, judged, judged.candidates):
        found.append((gain, edit))
        progress(1 / len(judged.candidates))
    found.sort(key=lambda suspect: (-suspect[0], suspect[1].start))
    taken: list[tuple[float, Edit]] = []
    for gain, edit in found:
        if len(taken) == count or gain <= 0:
            break
        if all(edit.stop + _APART < other.start or edit.start > other.stop + _APART for _, other in taken):
            taken.append((gain, edit))
    return [_suspect(vocabulary, judged, edit, gain) for gain, edit in taken]


def _suspect(vocabulary: Vocabulary, judged: BothSides, edit: Edit, gain: float) -> Suspect:
    """An edit of ids as one of characters."""
    text = judged.score.text
    at = max(0, int(np.searchsorted(judged.starts, edit.start, "right")) - 1)
    start, stop = (int(np.searchsorted(judged.starts, place, "left")) for place in (edit.start, edit.stop))
    written = text[start:stop]
    return Suspect(
        slip=edit.slip,
        position=at,
        line=text.count("\n", 0, at) + 1,
        column=at - (text.rfind("\n", 0, at) + 1) + 1,
        written=written,
        correction=vocabulary.decode(np.array(edit.ids, dtype=np.intp)),
        gain=bits(gain),
        before=text[max(0, start - _AROUND) : start],
        after=text[stop : stop + _AROUND],
    )
